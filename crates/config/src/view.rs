//! Thin typed views over Istio's kinds: they borrow an [`Object`](crate::Object)'s nodes and know the names and
//! meanings of its fields. Nothing is copied, and every answer can tell its place.

mod authorization_policy;
mod connection_pool;
mod core;
mod cors_policy;
mod destination_rule;
mod envoy_filter;
mod gateway;
mod http_action;
mod http_rule;
mod load_balancer;
mod part;
mod peer_authentication;
mod secret;
mod service_entry;
mod sidecar;
mod tcp_rule;
mod telemetry;
mod virtual_service;

pub use self::core::{NamespaceObject, ServiceAccount};
pub use authorization_policy::{AuthorizationPolicy, AuthorizationRule};
pub use connection_pool::{ClientTls, ConnectionPoolSettings, OutlierDetection};
pub use cors_policy::CorsPolicy;
pub use destination_rule::{DestinationRule, Subset, TlsMode, TrafficPolicy};
pub use envoy_filter::{EnvoyFilter, EnvoyPatch, LocalRateLimit};
pub use gateway::{Gateway, Server, ServerTls};
pub use http_action::{
    DirectResponse, Fault, FaultAbort, FaultDelay, HeaderOperations, Headers, Percent, Redirect, Retries,
    Rewrite, RewriteRegex,
};
pub use http_rule::{Destination, HttpMatch, HttpRule, Mirror, StringMatch, WeightedDestination};
pub use load_balancer::{ConsistentHash, HashCookie, LoadBalancer};
pub use peer_authentication::{MtlsMode, PeerAuthentication};
pub use secret::{KeyPair, SecretObject};
pub(crate) use service_entry::workload_entry;
pub use service_entry::{EntryEndpoint, Resolution, ServiceEntry};
pub use sidecar::{OutboundMode, Sidecar};
pub use tcp_rule::TcpRule;
pub use telemetry::Telemetry;
pub use virtual_service::VirtualService;
pub(crate) use virtual_service::names_gateway;

use vigla_model::Labels;

use crate::{Node, Object};
use part::strings;

const NETWORKING: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";

/// Whether an object is of this kind, in a version that we read.
fn is_kind(object: &Object, group: &str, kind: &str) -> bool {
    object.kind() == kind
        && object.group() == group
        && matches!(
            object.api_version().rsplit('/').next(),
            Some("v1" | "v1beta1" | "v1alpha3")
        )
}

/// The namespaces of an `exportTo` list as they are written, such as `.` or `*`.
fn export_to<'a>(object: &'a Object) -> impl Iterator<Item = &'a str> + use<'a> {
    strings(object.spec(), "exportTo").filter_map(Node::text)
}

/// The labels of a selector; `None` when it is absent or empty.
fn selector(node: Option<Node<'_>>) -> Option<Labels> {
    node.map(Node::string_map).filter(|labels| !labels.is_empty())
}

/// Whether labels hold all that a selector asks for.
pub(crate) fn meets(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

#[cfg(test)]
mod tests;
