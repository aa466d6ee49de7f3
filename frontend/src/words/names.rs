//! Names of nodes and edges.

use vigla_api::{Edge, Node};

/// Short name of a node, as on its card.
pub(crate) fn node_name(node: &Node) -> String {
    let named = match node.kind.as_str() {
        "service" | "external" => node.service.as_deref().map(short_host),
        "app" => node.app.as_deref(),
        "versioned_app" => {
            return match (&node.app, &node.version) {
                (Some(app), Some(version)) => format!("{app} {version}"),
                (Some(app), None) => app.clone(),
                _ => "unnamed app".to_owned(),
            };
        }
        "passthrough" => Some("unregistered hosts"),
        "unknown" => Some("unknown caller"),
        _ => None,
    };
    let first = [
        named,
        node.workload.as_deref(),
        node.app.as_deref(),
        node.service.as_deref(),
    ];
    first.into_iter().flatten().next().unwrap_or("unnamed").to_owned()
}

/// What kind of thing a node is.
pub(crate) fn kind_words(kind: &str) -> &'static str {
    match kind {
        "workload" => "Workload",
        "service" => "Service",
        "app" => "App",
        "versioned_app" => "App version",
        "gateway" => "Gateway",
        "external" => "Outside host",
        "passthrough" => "Unregistered hosts",
        _ => "Unknown",
    }
}

/// Protocol for people.
pub(crate) fn protocol_words(protocol: &str) -> &'static str {
    match protocol {
        "http" => "HTTP",
        "grpc" => "gRPC",
        "tcp" => "TCP",
        _ => "unknown protocol",
    }
}

/// The first label of a Kubernetes host; other hosts stay whole.
pub(crate) fn short_host(host: &str) -> &str {
    if host.contains(".svc.") {
        host.split('.').next().unwrap_or(host)
    } else {
        host
    }
}

/// `caller → callee`.
pub(crate) fn edge_name(edge: &Edge, nodes: &[Node]) -> (String, String) {
    let name = |id: &str| {
        nodes
            .iter()
            .find(|node| node.id == id)
            .map_or_else(|| "gone".to_owned(), node_name)
    };
    (name(&edge.source), name(&edge.target))
}

/// Kind of a config object in two letters, as Istio's people shorten it.
pub(crate) fn short_kind(kind: &str) -> String {
    let known = match kind {
        "VirtualService" => "VS",
        "DestinationRule" => "DR",
        "PeerAuthentication" => "PA",
        "AuthorizationPolicy" => "AP",
        "RequestAuthentication" => "RA",
        "Gateway" => "GW",
        "ServiceEntry" => "SE",
        "EnvoyFilter" => "EF",
        "Telemetry" => "TE",
        "Sidecar" => "SC",
        "Service" => "SVC",
        "Deployment" => "DEP",
        _ => "",
    };
    if known.is_empty() {
        kind.chars().filter(char::is_ascii_uppercase).collect()
    } else {
        known.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: &str) -> Node {
        Node {
            kind: kind.into(),
            workload: Some("reviews-v2".into()),
            app: Some("reviews".into()),
            version: Some("v2".into()),
            service: Some("reviews.bookinfo.svc.cluster.local".into()),
            namespace: Some("bookinfo".into()),
            ..Node::default()
        }
    }

    #[test]
    fn cards_carry_the_name_of_what_they_stand_for() {
        let cases = [
            ("workload", "reviews-v2"),
            ("service", "reviews"),
            ("app", "reviews"),
            ("versioned_app", "reviews v2"),
            ("unknown", "unknown caller"),
        ];
        for (kind, name) in cases {
            assert_eq!(node_name(&node(kind)), name);
        }
        let outside = Node {
            kind: "external".into(),
            service: Some("api.example.com".into()),
            ..Node::default()
        };
        assert_eq!(node_name(&outside), "api.example.com");
    }

    #[test]
    fn kinds_are_shortened_by_custom_else_by_their_capitals() {
        assert_eq!(short_kind("VirtualService"), "VS");
        assert_eq!(short_kind("WorkloadGroup"), "WG");
    }
}
