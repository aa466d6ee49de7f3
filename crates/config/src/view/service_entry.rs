//! ServiceEntry and WorkloadEntry: hosts that no Service of Kubernetes has.

use std::{collections::BTreeMap, fmt, sync::Arc};

use vigla_model::{Labels, Namespace, Origin};

use super::{NETWORKING, export_to, is_kind, selector, strings};
use crate::{AppProtocol, Node, Object, ServicePort, TargetPort};

/// How a ServiceEntry's endpoints are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// They are where the caller wanted to go.
    None,
    /// By the addresses of its endpoints.
    Static,
    /// By DNS names.
    Dns,
}

/// A ServiceEntry.
#[derive(Clone, Copy)]
pub struct ServiceEntry<'a> {
    object: &'a Object,
}

impl<'a> ServiceEntry<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        is_kind(object, NETWORKING, "ServiceEntry").then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// Its namespace.
    pub fn namespace(self) -> &'a Namespace {
        self.object.namespace()
    }

    /// One of its fields as the origin of something.
    pub fn origin(self, node: Node<'_>) -> Origin {
        self.object.origin_of(node)
    }

    /// Hosts as written: names, or with `*` in front.
    pub fn hosts(self) -> impl Iterator<Item = &'a str> {
        strings(self.object.spec(), "hosts").filter_map(Node::text)
    }

    /// Virtual addresses as written.
    pub fn addresses(self) -> impl Iterator<Item = &'a str> {
        strings(self.object.spec(), "addresses").filter_map(Node::text)
    }

    /// Namespaces that see it, such as `.` or `*`; none means all.
    pub fn export_to(self) -> impl Iterator<Item = &'a str> {
        export_to(self.object)
    }

    /// Whether its workloads are of the mesh (`MESH_INTERNAL`).
    pub fn is_internal(self) -> bool {
        self.text("location") == Some("MESH_INTERNAL")
    }

    /// How its endpoints are found; `None` for a word that we do not know.
    pub fn resolution(self) -> Option<Resolution> {
        match self.text("resolution") {
            None | Some("NONE") => Some(Resolution::None),
            Some("STATIC") => Some(Resolution::Static),
            // One address at a time would be another balancer, not other endpoints.
            Some("DNS" | "DNS_ROUND_ROBIN") => Some(Resolution::Dns),
            Some(_) => None,
        }
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.object.spec()?.get(key)?.text()
    }

    /// Ports; those without a number are left out.
    pub fn ports(self) -> Vec<ServicePort> {
        let ports = self.object.spec().and_then(|spec| spec.get("ports"));
        let ports = ports.into_iter().flat_map(Node::items);
        ports
            .filter_map(|node| {
                let port = node.get("number")?.as_port()?;
                let name = node.get("name").and_then(Node::text);
                let target = node.get("targetPort").and_then(Node::as_port);
                Some(ServicePort {
                    name: name.map(Into::into),
                    port,
                    target: TargetPort::Number(target.unwrap_or(port)),
                    protocol: AppProtocol::of(None, node.get("protocol").and_then(Node::text)),
                    origin: self.origin(node),
                })
            })
            .collect()
    }

    /// Endpoints that are written in it.
    pub fn endpoints(self) -> impl Iterator<Item = EntryEndpoint> {
        let endpoints = self.object.spec().and_then(|spec| spec.get("endpoints"));
        endpoints
            .into_iter()
            .flat_map(Node::items)
            .filter_map(EntryEndpoint::read)
    }

    /// Labels of the WorkloadEntries and pods that are its endpoints.
    pub fn workload_selector(self) -> Option<Labels> {
        selector(self.object.spec()?.get("workloadSelector")?.get("labels"))
    }

    /// `subjectAltNames` of the servers.
    pub fn subject_alt_names(self) -> impl Iterator<Item = &'a str> {
        strings(self.object.spec(), "subjectAltNames").filter_map(Node::text)
    }
}

impl fmt::Debug for ServiceEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}

/// An endpoint of a ServiceEntry, or a WorkloadEntry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryEndpoint {
    /// An IP address or a name in DNS.
    pub address: Arc<str>,
    /// Its ports by the names of the entry's ports, where they differ.
    pub ports: BTreeMap<String, u16>,
    /// Labels, for subsets.
    pub labels: Labels,
    /// Service account; empty when none is written.
    pub service_account: Arc<str>,
    /// Share among the endpoints; at least 1.
    pub weight: u32,
}

impl EntryEndpoint {
    /// Reads an entry of `endpoints`, or a WorkloadEntry's `spec`; `None` without address.
    pub fn read(node: Node<'_>) -> Option<Self> {
        let ports = node.get("ports").into_iter().flat_map(Node::entries);
        Some(Self {
            address: node.get("address")?.text()?.into(),
            ports: ports
                .filter_map(|(name, port)| Some((name.to_owned(), port.as_port()?)))
                .collect(),
            labels: node.get("labels").map(Node::string_map).unwrap_or_default(),
            service_account: node
                .get("serviceAccount")
                .and_then(Node::text)
                .unwrap_or_default()
                .into(),
            weight: node
                .get("weight")
                .and_then(Node::as_i64)
                .and_then(|weight| u32::try_from(weight).ok())
                .unwrap_or(1)
                .max(1),
        })
    }

    /// The port behind one of the entry's ports.
    pub fn port(&self, port: &ServicePort) -> u16 {
        let named = port.name.as_ref().and_then(|name| self.ports.get(&**name));
        match (named, &port.target) {
            (Some(port), _) => *port,
            (None, TargetPort::Number(port)) => *port,
            (None, TargetPort::Name(_)) => port.port,
        }
    }
}

/// The `spec` of a WorkloadEntry; `None` for other kinds.
pub(crate) fn workload_entry(object: &Object) -> Option<EntryEndpoint> {
    is_kind(object, NETWORKING, "WorkloadEntry")
        .then(|| object.spec())
        .flatten()
        .and_then(EntryEndpoint::read)
}
