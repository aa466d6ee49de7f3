//! Kubernetes Services.

use std::sync::Arc;

use vigla_model::{Fqdn, Labels, Namespace, Origin, Protocol, ServiceName};

use crate::{Node, Object};

/// A Service.
#[derive(Debug, Clone)]
pub struct Service {
    /// The object.
    pub object: Arc<Object>,
    /// Name.
    pub name: ServiceName,
    /// Namespace.
    pub namespace: Namespace,
    /// Its host, such as `reviews.bookinfo.svc.cluster.local`.
    pub fqdn: Fqdn,
    /// Ports.
    pub ports: Vec<ServicePort>,
    /// Labels of the pods behind it; `None`: its endpoints are not chosen by labels.
    pub selector: Option<Labels>,
    /// Whether it has no address of its own (`clusterIP: None`).
    pub headless: bool,
    /// Namespaces that see it (`networking.istio.io/exportTo`); empty: all.
    pub export_to: Vec<String>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// Name, when one is written.
    pub name: Option<Arc<str>>,
    /// The port that callers use.
    pub port: u16,
    /// The container's port.
    pub target: TargetPort,
    /// What is spoken, by Istio's rule of port names.
    pub protocol: AppProtocol,
    /// Where it is written.
    pub origin: Origin,
}

/// The container's port behind a service's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPort {
    /// By number.
    Number(u16),
    /// By the name of the container's port.
    Name(Arc<str>),
}

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AppProtocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2.
    Http2,
    /// gRPC.
    Grpc,
    /// Bytes, and everything that a proxy does not look into: TLS, databases, ports without a telling name.
    Tcp,
}

impl AppProtocol {
    /// Istio's rule: `appProtocol` first, else the port's name up to the first dash.
    pub fn of(name: Option<&str>, app_protocol: Option<&str>) -> Self {
        let word = match app_protocol {
            Some(word) => word.to_ascii_lowercase(),
            None => {
                let name = name.unwrap_or_default().to_ascii_lowercase();
                // `grpc-web` has a dash of its own.
                if name.starts_with("grpc-web") {
                    return Self::Grpc;
                }
                name.split('-').next().unwrap_or_default().to_owned()
            }
        };
        match word.as_str() {
            "http" | "kubernetes.io/ws" => Self::Http,
            "http2" | "kubernetes.io/h2c" => Self::Http2,
            "grpc" | "grpc-web" | "kubernetes.io/grpc" => Self::Grpc,
            _ => Self::Tcp,
        }
    }

    /// Whether requests are routed one by one.
    pub fn is_http(self) -> bool {
        self != Self::Tcp
    }

    /// The word of metrics.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Http | Self::Http2 => Protocol::Http,
            Self::Grpc => Protocol::Grpc,
            Self::Tcp => Protocol::Tcp,
        }
    }
}

impl Service {
    /// Reads a Service; `None` for other kinds. Ports without a number are left out.
    pub fn read(object: &Arc<Object>, domain: &str) -> Option<Self> {
        if object.kind() != "Service" || !object.group().is_empty() {
            return None;
        }
        let spec = object.spec();
        let field = |key: &str| spec.and_then(|spec| spec.get(key));
        let ports = field("ports").into_iter().flat_map(Node::items);
        Some(Self {
            name: object.name().into(),
            namespace: object.namespace().clone(),
            fqdn: Fqdn::of_service(object.name(), object.namespace().as_str(), domain),
            ports: ports.filter_map(|port| ServicePort::read(object, port)).collect(),
            selector: field("selector")
                .map(Node::string_map)
                .filter(|labels| !labels.is_empty()),
            headless: field("clusterIP").and_then(Node::text) == Some("None"),
            export_to: object
                .annotations()
                .get("networking.istio.io/exportTo")
                .map(|list| list.split(',').map(|name| name.trim().to_owned()).collect())
                .unwrap_or_default(),
            object: Arc::clone(object),
        })
    }

    /// The port with this number.
    pub fn port(&self, number: u16) -> Option<&ServicePort> {
        self.ports.iter().find(|port| port.port == number)
    }

    /// Whether proxies of a namespace see it.
    pub fn is_visible_in(&self, namespace: &Namespace) -> bool {
        let export_to = self.export_to.iter().map(String::as_str);
        crate::snapshot::is_visible(export_to, &self.namespace, namespace)
    }

    /// Whether its selector chooses pods with these labels.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.selector
            .as_ref()
            .is_some_and(|selector| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
    }
}

impl ServicePort {
    fn read(object: &Object, node: Node<'_>) -> Option<Self> {
        let port = node.get("port")?.as_port()?;
        let name = node.get("name").and_then(Node::text);
        let target = node.get("targetPort").and_then(|target| {
            target
                .as_port()
                .map(TargetPort::Number)
                .or_else(|| Some(TargetPort::Name(target.as_str()?.into())))
        });
        Some(Self {
            name: name.map(Into::into),
            port,
            target: target.unwrap_or(TargetPort::Number(port)),
            protocol: AppProtocol::of(name, node.get("appProtocol").and_then(Node::text)),
            origin: object.origin_of(node),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ports_name_tells_what_is_spoken() {
        for (name, app_protocol, protocol) in [
            (Some("http"), None, AppProtocol::Http),
            (Some("HTTP-web"), None, AppProtocol::Http),
            (Some("http2-api"), None, AppProtocol::Http2),
            (Some("grpc-web-x"), None, AppProtocol::Grpc),
            (Some("grpc"), None, AppProtocol::Grpc),
            (Some("https"), None, AppProtocol::Tcp),
            (Some("tcp-db"), None, AppProtocol::Tcp),
            (Some("web"), None, AppProtocol::Tcp),
            (None, None, AppProtocol::Tcp),
            (Some("tcp"), Some("kubernetes.io/h2c"), AppProtocol::Http2),
            (Some("http"), Some("mongo"), AppProtocol::Tcp),
        ] {
            assert_eq!(
                AppProtocol::of(name, app_protocol),
                protocol,
                "{name:?} {app_protocol:?}"
            );
        }
    }
}
