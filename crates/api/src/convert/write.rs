//! Views to bodies.

use std::{collections::BTreeSet, time::Duration};

use vigla_graph::{self as graph, Grain, Id, Side, View, ViewDelta};
use vigla_model::{Histogram, ISTIO_BOUNDS_MS, Ratio};

use super::Include;
use crate::{
    ByReporter, BytesPerSecond, Change, Counters, Degraded, Edge, Found, Graph, GraphDelta, GroupBox, Guess,
    Health, Latency, MessagesPerSecond, Node, ObjectRef, Place, Principals, Response, Traffic, Why,
    format_time,
};

/// The body of a view. Idle parts are left out unless they are included.
pub fn write_graph(view: &View, revision: &str, include: Include, degraded: Vec<Degraded>) -> Graph {
    let busy;
    let view = if include.idle {
        view
    } else {
        busy = view.without_idle();
        &busy
    };
    let writer = Writer::new(view.grain, view.window, include);
    Graph {
        revision: revision.to_owned(),
        at: format_time(view.at),
        window_seconds: view.window.as_secs_f64(),
        view: view.grain.as_str().to_owned(),
        nodes: view.nodes.values().map(|node| writer.node(node)).collect(),
        edges: view.edges.values().map(|edge| writer.edge(edge)).collect(),
        boxes: view.boxes.values().map(group).collect(),
        degraded,
        found: None,
    }
}

/// The body of what an expression found.
pub fn found_body(found: &vigla_graph::Found) -> Found {
    let ids = |ids: &BTreeSet<Id>| ids.iter().map(ToString::to_string).collect();
    Found {
        nodes: ids(&found.nodes),
        edges: ids(&found.edges),
    }
}

/// The body of a delta. Whether idle parts are in it was decided by the views it was made of.
pub fn write_delta(
    delta: &ViewDelta,
    revision: &str,
    previous: &str,
    include: Include,
    degraded: Vec<Degraded>,
) -> GraphDelta {
    let writer = Writer::new(delta.grain, delta.window, include);
    GraphDelta {
        revision: revision.to_owned(),
        previous: previous.to_owned(),
        at: format_time(delta.at),
        nodes: change(&delta.nodes, |node| writer.node(node)),
        edges: change(&delta.edges, |edge| writer.edge(edge)),
        boxes: change(&delta.boxes, group),
        degraded,
    }
}

/// The body of one side's traffic over a window; `None` when nothing was counted (and no counters are asked for).
pub fn traffic_body(side: &Side, window: Duration, include: Include) -> Option<Traffic> {
    let body = Traffic {
        requests: counted(side.traffic.requests).map(|rate| whole(rate, window)),
        requests_per_second: counted(side.traffic.requests).map(six),
        error_share: side.error_share().map(Ratio::get).map(six),
        responses: responses(side),
        bytes_per_second: bytes(side),
        connections_per_second: counted(side.traffic.connections).map(six),
        messages_per_second: messages(side),
        latency: latency(&side.traffic.latency, window, include.buckets),
        counters: include.counters.then(|| Counters {
            requests: side.totals.requests.round() as u64,
            connections: side.totals.connections.round() as u64,
        }),
    };
    (body != Traffic::default()).then_some(body)
}

/// The body of a state of health.
pub fn health_body(health: &graph::Health) -> Health {
    Health {
        state: health.state.as_str().to_owned(),
        why: health.why.clone(),
    }
}

/// The body of a cause.
pub fn why_body(why: &graph::Why) -> Why {
    Why {
        message: why.message.clone(),
        object: why.object.as_ref().map(object_body),
        place: why
            .place
            .as_ref()
            .map(|(path, location)| place_body(path, location.as_ref())),
        confidence: why.confidence.as_str().to_owned(),
    }
}

/// The body of an object's name.
pub fn object_body(object: &vigla_model::ObjectRef) -> ObjectRef {
    ObjectRef {
        group: object.group.to_string(),
        kind: object.kind.to_string(),
        namespace: object.namespace.to_string(),
        name: object.name.to_string(),
    }
}

/// The body of a place: the field, and the line where the text is at hand.
pub fn place_body(path: &str, location: Option<&vigla_model::Location>) -> Place {
    Place {
        path: path.to_owned(),
        file: location.map(|at| at.file.to_string()),
        line: location.map(|at| at.line),
        column: location.map(|at| at.column),
    }
}

struct Writer {
    window: Duration,
    include: Include,
}

impl Writer {
    fn new(grain: Grain, window: Duration, include: Include) -> Self {
        let buckets = include.buckets || grain == Grain::Finest;
        Self {
            window,
            include: Include { buckets, ..include },
        }
    }

    fn traffic(&self, side: &Side) -> Option<Traffic> {
        traffic_body(side, self.window, self.include)
    }

    fn node(&self, node: &graph::Node) -> Node {
        Node {
            id: node.id.to_string(),
            kind: node.kind.as_str().to_owned(),
            cluster: text(node.cluster.as_ref()),
            namespace: text(node.namespace.as_ref()),
            workload: text(node.workload.as_ref()),
            app: text(node.app.as_ref()),
            version: text(node.version.as_ref()),
            service: text(node.service.as_ref()),
            parent: text(node.parent.as_ref()),
            sidecar: node.sidecar,
            health: health_body(&node.health),
            badges: node
                .badges
                .iter()
                .map(|badge| badge.as_str().to_owned())
                .collect(),
            inbound: self.traffic(&node.inbound),
            outbound: self.traffic(&node.outbound),
            guess: node.guess.as_ref().map(|guess| Guess {
                workload: guess.workload.to_string(),
                namespace: guess.namespace.to_string(),
                from: guess.from.clone(),
            }),
        }
    }

    fn edge(&self, edge: &graph::Edge) -> Edge {
        let mut services: Vec<String> = edge.services.iter().map(ToString::to_string).collect();
        let service = (services.len() == 1).then(|| services.remove(0));
        Edge {
            id: edge.id.to_string(),
            source: edge.source.to_string(),
            target: edge.target.to_string(),
            service,
            services,
            protocol: edge.protocol.as_str().to_owned(),
            traffic: self.traffic(&edge.shown).unwrap_or_default(),
            by_reporter: ByReporter {
                source: edge.by_source.as_ref().and_then(|side| self.traffic(side)),
                destination: edge.by_destination.as_ref().and_then(|side| self.traffic(side)),
            },
            refused_per_second: counted(edge.refused).map(six),
            mtls_share: edge.shown.mtls_share().map(Ratio::get).map(six),
            principals: principals(edge),
            health: health_body(&edge.health),
            why: edge.why.iter().map(why_body).collect(),
        }
    }
}

fn principals(edge: &graph::Edge) -> Principals {
    let all = |of: fn(&Side) -> &graph::Few<vigla_model::Principal>| {
        let sides = [edge.by_source.as_ref(), edge.by_destination.as_ref()]
            .into_iter()
            .flatten();
        let set: BTreeSet<String> = sides.flat_map(of).map(ToString::to_string).collect();
        set.into_iter().collect()
    };
    Principals {
        source: all(|side| &side.source_principals),
        destination: all(|side| &side.destination_principals),
    }
}

fn group(group: &graph::GroupBox) -> GroupBox {
    GroupBox {
        id: group.id.to_string(),
        kind: group.kind.as_str().to_owned(),
        name: group.name.clone(),
        parent: text(group.parent.as_ref()),
    }
}

fn change<T, B>(changes: &graph::Changes<T>, body: impl Fn(&T) -> B) -> Change<B> {
    Change {
        set: changes.set.values().map(body).collect(),
        gone: changes.gone.iter().map(ToString::to_string).collect(),
    }
}

fn text(name: Option<&impl ToString>) -> Option<String> {
    name.map(ToString::to_string)
}

/// Most frequent first; equal ones in order of code and flags, so that answers do not dance.
fn responses(side: &Side) -> Vec<Response> {
    let mut all: Vec<Response> = side
        .responses
        .iter()
        .filter(|(_, rate)| **rate > 0.0)
        .map(|(key, rate)| Response {
            code: key.code.map_or_else(|| "-".to_owned(), |code| code.to_string()),
            grpc_status: key.grpc_status,
            flags: key.flags.to_string(),
            requests_per_second: six(*rate),
        })
        .collect();
    all.sort_by(|a, b| b.requests_per_second.total_cmp(&a.requests_per_second));
    all
}

fn bytes(side: &Side) -> Option<BytesPerSecond> {
    let (sent, received) = (side.traffic.bytes_sent, side.traffic.bytes_received);
    (sent > 0.0 || received > 0.0).then(|| BytesPerSecond {
        sent: six(sent),
        received: six(received),
    })
}

fn messages(side: &Side) -> Option<MessagesPerSecond> {
    let (sent, received) = (side.traffic.messages_sent, side.traffic.messages_received);
    (sent > 0.0 || received > 0.0).then(|| MessagesPerSecond {
        sent: six(sent),
        received: six(received),
    })
}

fn latency(histogram: &Histogram, window: Duration, buckets: bool) -> Option<Latency> {
    let quantile = |q: f64| histogram.quantile(q, &ISTIO_BOUNDS_MS).map(six);
    let seconds = window.as_secs_f64();
    counted(histogram.count()).map(|rate| Latency {
        count: whole(rate, window),
        sum_ms: six(histogram.sum_ms * seconds),
        p50_ms: quantile(0.5),
        p90_ms: quantile(0.9),
        p95_ms: quantile(0.95),
        p99_ms: quantile(0.99),
        buckets: histogram
            .buckets
            .iter()
            .filter(|(_, rate)| buckets && *rate > 0.0)
            .map(|(bound, rate)| (bound.is_finite().then_some(*bound), six(rate * seconds)))
            .collect(),
    })
}

/// A rate, unless nothing was counted.
fn counted(rate: f64) -> Option<f64> {
    (rate > 0.0).then_some(rate)
}

/// Requests in the window.
fn whole(rate: f64, window: Duration) -> u64 {
    (rate * window.as_secs_f64()).round() as u64
}

/// Six decimals: finer than any rate is known, shorter than all digits of a float.
fn six(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
