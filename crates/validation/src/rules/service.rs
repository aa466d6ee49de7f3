//! Rules about Services and their ports.

pub(super) mod clash;
pub(super) mod no_pods;
pub(super) mod underivable_protocol;
pub(super) mod unknown_app_protocol;
pub(super) mod unknown_target_port;

use vigla_config::{Node, Object};

/// Words by which a port's name or `appProtocol` tells what is spoken.
pub(super) const PROTOCOLS: [&str; 12] = [
    "http", "http2", "https", "grpc", "grpc-web", "mongo", "mysql", "redis", "tcp", "tls", "udp", "hbone",
];

/// The protocol that a port's name tells: `http` of `http-web`.
pub(super) fn protocol_of_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    PROTOCOLS.into_iter().rev().find(|protocol| {
        name == *protocol
            || name
                .strip_prefix(protocol)
                .is_some_and(|rest| rest.starts_with('-'))
    })
}

/// Whether a Service is only a name for a host elsewhere.
pub(super) fn is_external(service: &Object) -> bool {
    let kind = service.spec().and_then(|spec| spec.get("type"));
    kind.and_then(Node::text) == Some("ExternalName")
}
