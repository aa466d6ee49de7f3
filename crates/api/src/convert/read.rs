//! Bodies to views.

use std::{collections::BTreeMap, time::Duration};

use vigla_graph::{
    self as graph, Badge, BoxKind, Changes, Confidence, Grain, HealthState, Id, NodeKind, ResponseKey, Side,
    View, ViewDelta,
};
use vigla_model::{Histogram, Location, Principal, Protocol};

use super::BadBody;
use crate::{Edge, Graph, GraphDelta, GroupBox, Health, Node, Traffic, Why, parse_time};

/// The view that a body tells of.
///
/// # Errors
/// When a choice, an id or a time is written as no version known here writes it.
pub fn read_graph(body: &Graph) -> Result<View, BadBody> {
    let window = window(body.window_seconds)?;
    let reader = Reader { window };
    Ok(View {
        grain: Grain::find(&body.view).ok_or_else(|| BadBody::new("view", &body.view))?,
        at: parse_time(&body.at).ok_or_else(|| BadBody::new("at", &body.at))?,
        window,
        nodes: by_id(&body.nodes, |node| reader.node(node), |node| node.id)?,
        edges: by_id(&body.edges, |edge| reader.edge(edge), |edge| edge.id)?,
        boxes: by_id(&body.boxes, group, |group| group.id)?,
    })
}

/// The delta that a body tells of; grain and window are those of the stream.
///
/// # Errors
/// As for [`read_graph`].
pub fn read_delta(body: &GraphDelta, grain: Grain, window: Duration) -> Result<ViewDelta, BadBody> {
    let reader = Reader { window };
    let gone = |ids: &[String]| ids.iter().map(|text| id(text)).collect::<Result<Vec<Id>, _>>();
    Ok(ViewDelta {
        grain,
        at: parse_time(&body.at).ok_or_else(|| BadBody::new("at", &body.at))?,
        window,
        nodes: Changes {
            set: by_id(&body.nodes.set, |node| reader.node(node), |node| node.id)?,
            gone: gone(&body.nodes.gone)?,
        },
        edges: Changes {
            set: by_id(&body.edges.set, |edge| reader.edge(edge), |edge| edge.id)?,
            gone: gone(&body.edges.gone)?,
        },
        boxes: Changes {
            set: by_id(&body.boxes.set, group, |group| group.id)?,
            gone: gone(&body.boxes.gone)?,
        },
    })
}

fn window(seconds: f64) -> Result<Duration, BadBody> {
    Duration::try_from_secs_f64(seconds).map_err(|_| BadBody::new("window_seconds", &seconds.to_string()))
}

fn by_id<B, T>(
    bodies: &[B],
    read: impl Fn(&B) -> Result<T, BadBody>,
    id: impl Fn(&T) -> Id,
) -> Result<BTreeMap<Id, T>, BadBody> {
    bodies
        .iter()
        .map(|body| read(body).map(|thing| (id(&thing), thing)))
        .collect()
}

fn id(text: &str) -> Result<Id, BadBody> {
    text.parse().map_err(|_| BadBody::new("id", text))
}

fn maybe_id(text: Option<&String>) -> Result<Option<Id>, BadBody> {
    text.map(|text| id(text)).transpose()
}

fn group(body: &GroupBox) -> Result<graph::GroupBox, BadBody> {
    Ok(graph::GroupBox {
        id: id(&body.id)?,
        kind: BoxKind::find(&body.kind).ok_or_else(|| BadBody::new("kind of a box", &body.kind))?,
        name: body.name.clone(),
        parent: maybe_id(body.parent.as_ref())?,
    })
}

fn health(body: &Health) -> Result<graph::Health, BadBody> {
    let state = HealthState::find(&body.state).ok_or_else(|| BadBody::new("state", &body.state))?;
    Ok(graph::Health {
        state,
        why: body.why.clone(),
    })
}

fn why(body: &Why) -> Result<graph::Why, BadBody> {
    let confidence = Confidence::find(&body.confidence);
    Ok(graph::Why {
        message: body.message.clone(),
        object: body.object.as_ref().map(|object| {
            vigla_model::ObjectRef::new(&object.group, &object.kind, &object.namespace, &object.name)
        }),
        place: body.place.as_ref().map(|place| {
            let location = (|| {
                let (file, line, column) = (place.file.as_deref()?.into(), place.line?, place.column?);
                Some(Location { file, line, column })
            })();
            (place.path.clone(), location)
        }),
        confidence: confidence.ok_or_else(|| BadBody::new("confidence", &body.confidence))?,
    })
}

struct Reader {
    window: Duration,
}

impl Reader {
    fn node(&self, body: &Node) -> Result<graph::Node, BadBody> {
        let kind = NodeKind::find(&body.kind).ok_or_else(|| BadBody::new("kind of a node", &body.kind))?;
        let badge = |name: &String| Badge::find(name).ok_or_else(|| BadBody::new("badge", name));
        let side =
            |traffic: Option<&Traffic>| traffic.map_or_else(|| Ok(Side::default()), |body| self.side(body));
        Ok(graph::Node {
            cluster: body.cluster.as_deref().map(Into::into),
            namespace: body.namespace.as_deref().map(Into::into),
            workload: body.workload.as_deref().map(Into::into),
            app: body.app.as_deref().map(Into::into),
            version: body.version.as_deref().map(Into::into),
            service: body.service.as_deref().map(Into::into),
            parent: maybe_id(body.parent.as_ref())?,
            sidecar: body.sidecar,
            health: health(&body.health)?,
            badges: body.badges.iter().map(badge).collect::<Result<_, _>>()?,
            inbound: side(body.inbound.as_ref())?,
            outbound: side(body.outbound.as_ref())?,
            guess: body.guess.as_ref().map(|guess| graph::Guess {
                workload: guess.workload.as_str().into(),
                namespace: guess.namespace.as_str().into(),
                from: guess.from.clone(),
            }),
            ..graph::Node::new(id(&body.id)?, kind)
        })
    }

    fn edge(&self, body: &Edge) -> Result<graph::Edge, BadBody> {
        let protocol = protocol(&body.protocol)?;
        let side = |traffic: Option<&Traffic>| traffic.map(|body| self.side(body)).transpose();
        let mut edge = graph::Edge {
            services: body
                .service
                .iter()
                .chain(&body.services)
                .map(|host| host.as_str().into())
                .collect(),
            by_source: side(body.by_reporter.source.as_ref())?,
            by_destination: side(body.by_reporter.destination.as_ref())?,
            shown: self.side(&body.traffic)?,
            refused: body.refused_per_second.unwrap_or(0.0),
            health: health(&body.health)?,
            why: body.why.iter().map(why).collect::<Result<_, _>>()?,
            ..graph::Edge::new(id(&body.id)?, id(&body.source)?, id(&body.target)?, protocol)
        };
        secure(&mut edge, body)?;
        Ok(edge)
    }

    fn side(&self, body: &Traffic) -> Result<Side, BadBody> {
        let seconds = self.window.as_secs_f64();
        let mut side = Side::default();
        side.traffic.requests = body.requests_per_second.unwrap_or(0.0);
        side.traffic.connections = body.connections_per_second.unwrap_or(0.0);
        if let Some(bytes) = body.bytes_per_second {
            (side.traffic.bytes_sent, side.traffic.bytes_received) = (bytes.sent, bytes.received);
        }
        if let Some(messages) = body.messages_per_second {
            (side.traffic.messages_sent, side.traffic.messages_received) = (messages.sent, messages.received);
        }
        if let Some(latency) = &body.latency {
            let rate =
                |&(bound, count): &(Option<f64>, f64)| (bound.unwrap_or(f64::INFINITY), count / seconds);
            side.traffic.latency = Histogram {
                buckets: latency.buckets.iter().map(rate).collect(),
                sum_ms: latency.sum_ms / seconds,
            };
        }
        for response in &body.responses {
            let flags = response
                .flags
                .parse()
                .map_err(|_| BadBody::new("flags", &response.flags))?;
            let code = match response.code.as_str() {
                "-" => None,
                code => Some(code.parse().map_err(|_| BadBody::new("code", code))?),
            };
            let key = ResponseKey {
                code,
                grpc_status: response.grpc_status,
                flags,
            };
            side.responses.insert(key, response.requests_per_second);
        }
        if let Some(counters) = body.counters {
            side.totals.requests = counters.requests as f64;
            side.totals.connections = counters.connections as f64;
        }
        Ok(side)
    }
}

/// Puts principals and the mTLS share back where merged views add them: the callee's proxy always knows how its
/// connections were secured, so the share is one of all that it counted.
fn secure(edge: &mut graph::Edge, body: &Edge) -> Result<(), BadBody> {
    let principals = |texts: &[String]| {
        let parse = |text: &String| Principal::parse(text).map_err(|_| BadBody::new("principal", text));
        texts.iter().map(parse).collect::<Result<graph::Few<_>, _>>()
    };
    let known = edge
        .by_destination
        .as_ref()
        .map_or(0.0, |side| match edge.protocol {
            Protocol::Tcp => side.traffic.connections,
            Protocol::Http | Protocol::Grpc => side.traffic.requests,
        });
    let (source, destination) = (
        principals(&body.principals.source)?,
        principals(&body.principals.destination)?,
    );
    let counted = edge.by_destination.as_mut().or(edge.by_source.as_mut());
    for side in counted.into_iter().chain([&mut edge.shown]) {
        side.source_principals.clone_from(&source);
        side.destination_principals.clone_from(&destination);
        if let Some(share) = body.mtls_share {
            (side.security_known, side.mutual_tls) = (known, known * share);
        }
    }
    Ok(())
}

fn protocol(text: &str) -> Result<Protocol, BadBody> {
    let all = [Protocol::Http, Protocol::Grpc, Protocol::Tcp];
    all.into_iter()
        .find(|protocol| protocol.as_str() == text)
        .ok_or_else(|| BadBody::new("protocol", text))
}
