//! What nodes and edges say in words and numbers: names, second lines, labels, alarms.

use vigla_graph::{Edge, Node, NodeKind, Side, View};
use vigla_model::{ISTIO_BOUNDS_MS, Protocol, Ratio};

use crate::format;

/// Which number a label shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EdgeLabel {
    /// Requests, or bytes, per second.
    #[default]
    Rate,
    /// 95th percentile of the duration.
    P95,
    /// Share of requests that failed.
    Errors,
    /// Share of the caller's requests that take this edge.
    Share,
}

/// What a card calls a node.
pub fn name(node: &Node) -> String {
    let known = match node.kind {
        NodeKind::Workload | NodeKind::Gateway => node.workload.as_ref().map(ToString::to_string),
        NodeKind::App => node.app.as_ref().map(ToString::to_string),
        NodeKind::VersionedApp => node.app.as_ref().map(|app| match &node.version {
            Some(version) => format!("{app} {version}"),
            None => app.to_string(),
        }),
        NodeKind::Service | NodeKind::External => node.service.as_ref().map(|host| {
            host.service_parts()
                .map_or_else(|| host.to_string(), |(name, _)| name.to_owned())
        }),
        NodeKind::Passthrough => Some("unregistered".to_owned()),
        NodeKind::Unknown => None,
    };
    known.unwrap_or_else(|| {
        let calls = node.outbound.traffic.requests + node.outbound.traffic.connections > 0.0;
        if calls || node.inbound.traffic.requests == 0.0 {
            "unknown caller".to_owned()
        } else {
            "unknown callee".to_owned()
        }
    })
}

/// Second line of a card: the guess, or rate and 95th percentile of what it answers (of what it asks, for callers).
pub fn second_line(node: &Node) -> String {
    if let Some(guess) = &node.guess {
        return format!("{}?", guess.workload);
    }
    let side = if node.inbound.traffic.requests > 0.0 || node.inbound.traffic.connections > 0.0 {
        &node.inbound
    } else {
        &node.outbound
    };
    let traffic = &side.traffic;
    if traffic.requests > 0.0 {
        let rate = format::rate(traffic.requests);
        return match p95(side) {
            Some(p95) => format!("{rate} · {}", format::duration_ms(p95)),
            None => rate,
        };
    }
    let bytes = traffic.bytes_sent + traffic.bytes_received;
    if bytes > 0.0 {
        format::byte_rate(bytes)
    } else if traffic.connections > 0.0 {
        format!("{} opened", format::rate(traffic.connections))
    } else {
        "no traffic".to_owned()
    }
}

/// 95th percentile in ms; `None` when nothing was answered.
pub fn p95(side: &Side) -> Option<f64> {
    side.traffic.latency.quantile(0.95, &ISTIO_BOUNDS_MS)
}

/// Whether any of the edge's traffic is known to be without mutual TLS.
pub fn is_plain(edge: &Edge) -> bool {
    edge.shown.mtls_share().is_some_and(|share| share.get() < 1.0)
}

/// Whether all of the edge's traffic is known to be with mutual TLS.
pub fn is_locked(edge: &Edge) -> bool {
    edge.shown.mtls_share().is_some_and(|share| share.get() == 1.0)
}

/// What the alarm pill says: refused connections, else the share that failed.
pub fn alarm(edge: &Edge) -> Option<String> {
    if edge.refused > 0.0 {
        return Some("refused".to_owned());
    }
    failed(edge).map(format::share)
}

/// Share of requests that failed, when any did.
pub fn failed(edge: &Edge) -> Option<Ratio> {
    edge.shown.error_share().filter(|share| share.get() > 0.0)
}

/// The number on an edge's label; `None` where there is nothing to say.
pub fn label(edge: &Edge, view: &View, label: EdgeLabel) -> Option<String> {
    let side = &edge.shown;
    let traffic = &side.traffic;
    match label {
        EdgeLabel::Rate if edge.protocol == Protocol::Tcp => {
            let bytes = traffic.bytes_sent + traffic.bytes_received;
            if bytes > 0.0 {
                Some(format::byte_rate(bytes))
            } else {
                (traffic.connections > 0.0).then(|| format::rate(traffic.connections))
            }
        }
        EdgeLabel::Rate => (traffic.requests > 0.0).then(|| format::rate(traffic.requests)),
        EdgeLabel::P95 => p95(side).map(format::duration_ms),
        EdgeLabel::Errors => side.error_share().map(format::share),
        EdgeLabel::Share => {
            let sent = view.nodes.get(&edge.source)?.outbound.traffic.requests;
            Ratio::of(traffic.requests, sent).map(format::share)
        }
    }
}
