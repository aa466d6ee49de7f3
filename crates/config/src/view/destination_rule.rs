//! DestinationRule: subsets of a host and how they are called.

use std::fmt;

use vigla_model::{Labels, Namespace, Origin};

use super::{
    ClientTls, ConnectionPoolSettings, LoadBalancer, NETWORKING, OutlierDetection, export_to, is_kind,
    selector,
};
use crate::{Node, Object};

/// A DestinationRule.
#[derive(Clone, Copy)]
pub struct DestinationRule<'a> {
    object: &'a Object,
}

impl<'a> DestinationRule<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        is_kind(object, NETWORKING, "DestinationRule").then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// Its namespace: a short host is resolved in it.
    pub fn namespace(self) -> &'a Namespace {
        self.object.namespace()
    }

    /// One of its fields as the origin of something.
    pub fn origin(self, node: Node<'_>) -> Origin {
        self.object.origin_of(node)
    }

    /// Host as written; may start with `*`.
    pub fn host(self) -> Option<&'a str> {
        self.object.spec()?.get("host")?.text()
    }

    /// Namespaces that see it, such as `.` or `*`; none means all.
    pub fn export_to(self) -> impl Iterator<Item = &'a str> {
        export_to(self.object)
    }

    /// Labels of the callers for which it is; `None`: all.
    pub fn workload_selector(self) -> Option<Labels> {
        selector(self.object.spec()?.get("workloadSelector")?.get("matchLabels"))
    }

    /// Subsets that have a name.
    pub fn subsets(self) -> impl Iterator<Item = Subset<'a>> {
        let subsets = self.object.spec().and_then(|spec| spec.get("subsets"));
        let subsets = subsets.into_iter().flat_map(Node::items);
        subsets.filter_map(|node| {
            Some(Subset {
                name: node.get("name")?.text()?,
                node,
            })
        })
    }

    /// Policy for all subsets.
    pub fn traffic_policy(self) -> Option<TrafficPolicy<'a>> {
        self.object.spec()?.get("trafficPolicy").map(TrafficPolicy)
    }
}

impl fmt::Debug for DestinationRule<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}

/// A subset: the endpoints of a host that have some labels.
#[derive(Debug, Clone, Copy)]
pub struct Subset<'a> {
    node: Node<'a>,
    name: &'a str,
}

impl<'a> Subset<'a> {
    /// Its name.
    pub fn name(self) -> &'a str {
        self.name
    }

    /// The part of the text.
    pub fn node(self) -> Node<'a> {
        self.node
    }

    /// Labels of its endpoints; empty: all.
    pub fn labels(self) -> Labels {
        self.node.get("labels").map(Node::string_map).unwrap_or_default()
    }

    /// Policy of its own.
    pub fn traffic_policy(self) -> Option<TrafficPolicy<'a>> {
        self.node.get("trafficPolicy").map(TrafficPolicy)
    }
}

/// How a proxy speaks TLS to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Plain text.
    Disable,
    /// TLS of one's own.
    Simple,
    /// TLS of one's own with a client certificate.
    Mutual,
    /// The mesh's mutual TLS.
    IstioMutual,
}

/// A `trafficPolicy`, or one entry of `portLevelSettings`.
#[derive(Debug, Clone, Copy)]
pub struct TrafficPolicy<'a>(Node<'a>);

impl<'a> TrafficPolicy<'a> {
    /// The part of the text.
    pub fn node(self) -> Node<'a> {
        self.0
    }

    /// The settings of one port, which stand in place of all the others there.
    pub fn of_port(self, port: u16) -> Option<TrafficPolicy<'a>> {
        self.0
            .get("portLevelSettings")?
            .items()
            .find(|entry| entry.get("port").and_then(|port| port.get("number")?.as_port()) == Some(port))
            .map(TrafficPolicy)
    }

    /// `loadBalancer`.
    pub fn load_balancer(self) -> Option<LoadBalancer<'a>> {
        self.field("loadBalancer").map(LoadBalancer::of)
    }

    /// `tls.mode`, with its place. An unknown word is `None`.
    pub fn tls_mode(self) -> Option<(TlsMode, Node<'a>)> {
        let node = self.0.get("tls")?.get("mode")?;
        let mode = match node.text()? {
            "DISABLE" => TlsMode::Disable,
            "SIMPLE" => TlsMode::Simple,
            "MUTUAL" => TlsMode::Mutual,
            "ISTIO_MUTUAL" => TlsMode::IstioMutual,
            _ => return None,
        };
        Some((mode, node))
    }

    /// `tls`.
    pub fn tls(self) -> Option<ClientTls<'a>> {
        self.field("tls").map(ClientTls::of)
    }

    /// `connectionPool`.
    pub fn connection_pool(self) -> Option<ConnectionPoolSettings<'a>> {
        self.field("connectionPool").map(ConnectionPoolSettings::of)
    }

    /// `outlierDetection`.
    pub fn outlier_detection(self) -> Option<OutlierDetection<'a>> {
        self.field("outlierDetection").map(OutlierDetection::of)
    }

    fn field(self, key: &str) -> Option<Node<'a>> {
        self.0.get(key).filter(|node| !node.is_null())
    }
}
