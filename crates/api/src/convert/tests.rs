use std::{collections::BTreeMap, time::Duration};

use vigla_graph::{
    Confidence, Edge, Grain, Graph, Id, Node, NodeKind, ResponseKey, Side, Totals, Traffic, TrafficKey,
    TrafficRow, TrafficWindow, Unidentified, View, Why, apply, diff,
};
use vigla_model::{
    Histogram, Location, ObjectRef, PeerIdentity, Principal, Protocol, Reporter, ResponseFlags,
    SecurityPolicy, Timestamp,
};

use super::*;

fn peer(workload: &str) -> PeerIdentity {
    PeerIdentity {
        namespace: Some("bookinfo".into()),
        workload: Some(workload.into()),
        app: Some("reviews".into()),
        principal: Some(Principal::new("cluster.local", "bookinfo", workload)),
        ..PeerIdentity::default()
    }
}

/// `a` calls `b`: 18.25 requests per second, of which a quarter fails.
fn view(rate: f64) -> View {
    let row = |reporter, code, flags: &str, rate: f64| TrafficRow {
        key: std::sync::Arc::new(TrafficKey {
            reporter,
            source: peer("a"),
            destination: peer("b"),
            service: Some("b.bookinfo.svc.cluster.local".into()),
            protocol: Protocol::Http,
            response_code: Some(code),
            grpc_status: None,
            flags: flags.parse().unwrap(),
            security: match reporter {
                Reporter::Destination => SecurityPolicy::MutualTls,
                Reporter::Source => SecurityPolicy::Unknown,
            },
            source_address: None,
            refused: false,
        }),
        traffic: Traffic {
            requests: rate,
            latency: Histogram {
                buckets: vec![(5.0, rate * 0.75), (f64::INFINITY, rate * 0.25)],
                sum_ms: rate * 9.0,
            },
            bytes_sent: rate * 7.0,
            bytes_received: rate * 70.0,
            connections: 0.0,
            messages_sent: rate * 2.0,
            messages_received: rate * 3.0,
        },
        totals: Totals {
            requests: rate * 100.0,
            connections: 0.0,
        },
    };
    let rows = [Reporter::Source, Reporter::Destination]
        .into_iter()
        .flat_map(|reporter| {
            [
                row(reporter, 200, "-", rate * 0.75),
                row(reporter, 503, "UT", rate * 0.25),
            ]
        })
        .collect();
    let window = TrafficWindow {
        at: Timestamp(1_800_000_000_500),
        window: Duration::from_secs(60),
        rows,
    };
    let mut view = Graph::build(&[window], &Unidentified).view();
    for edge in view.edges.values_mut() {
        edge.why.push(Why {
            message: "the timeout passed".into(),
            object: Some(ObjectRef::new(
                "networking.istio.io",
                "VirtualService",
                "bookinfo",
                "b",
            )),
            place: Some((
                "spec.http[0].timeout".into(),
                Some(Location {
                    file: "b.yaml".into(),
                    line: 7,
                    column: 3,
                }),
            )),
            confidence: Confidence::Proved,
        });
    }
    view
}

const ALL: Include = Include {
    buckets: true,
    counters: true,
    idle: true,
};

/// What a body does not carry, taken out of a view.
fn carried(mut view: View) -> View {
    for node in view.nodes.values_mut() {
        node.replicas = None;
        for side in [&mut node.inbound, &mut node.outbound] {
            (side.mutual_tls, side.security_known) = (0.0, 0.0);
            side.source_principals.clear();
            side.destination_principals.clear();
        }
    }
    for edge in view
        .edges
        .values_mut()
        .filter(|edge| edge.by_destination.is_some())
    {
        if let Some(side) = &mut edge.by_source {
            side.source_principals.clear();
            side.destination_principals.clear();
        }
    }
    view
}

#[test]
fn a_view_is_read_back_as_far_as_its_body_carries_it() {
    let view = view(18.25);
    let body = write_graph(&view, "7f3a:1", ALL, Vec::new());
    let text = serde_json::to_string(&body).unwrap();
    assert!(
        !text.contains("null,\"") && !text.contains(":null"),
        "absent is left out: {text}"
    );
    let body: crate::Graph = serde_json::from_str(&text).unwrap();
    assert_eq!(read_graph(&body).unwrap(), carried(view));
}

#[test]
fn a_delta_is_followed_by_its_body() {
    let (old, new) = (view(18.25), view(20.5));
    let delta = diff(&old, &new);
    let body = write_delta(&delta, "7f3a:2", "7f3a:1", ALL, Vec::new());
    let body: crate::GraphDelta = serde_json::from_str(&serde_json::to_string(&body).unwrap()).unwrap();
    let mut followed = carried(old);
    apply(
        &mut followed,
        &read_delta(&body, Grain::Finest, Duration::from_secs(60)).unwrap(),
    );
    assert_eq!(followed, carried(new));
}

#[test]
fn an_edge_says_what_the_contract_says() {
    let view = vigla_graph::quotient(&view(18.25), Grain::Workload);
    let body = write_graph(&view, "7f3a:1", Include::default(), Vec::new());
    let edge = &body.edges[0];
    assert_eq!(body.at, "2027-01-15T08:00:00.500Z");
    assert_eq!(
        (edge.traffic.requests, edge.traffic.requests_per_second),
        (Some(1095), Some(18.25))
    );
    assert_eq!(
        (edge.traffic.error_share, edge.mtls_share),
        (Some(0.25), Some(1.0))
    );
    assert_eq!(edge.service.as_deref(), Some("b.bookinfo.svc.cluster.local"));
    let latency = edge.traffic.latency.as_ref().unwrap();
    assert_eq!((latency.count, latency.buckets.len()), (1095, 0));
    assert_eq!(latency.p50_ms, Some(3.666_667));
    assert_eq!(edge.traffic.counters, None);
    assert_eq!(edge.why[0].place.as_ref().unwrap().line, Some(7));
}

#[test]
fn tcp_has_no_requests_and_an_unknown_end_no_name() {
    let id = Id(1);
    let mut edge = Edge::new(Id(2), id, id, Protocol::Tcp);
    edge.shown.traffic.connections = 0.5;
    let key = ResponseKey {
        code: None,
        grpc_status: None,
        flags: "UF".parse::<ResponseFlags>().unwrap(),
    };
    edge.shown.responses = BTreeMap::from([(key, 0.5)]);
    let view = View {
        grain: Grain::Workload,
        at: Timestamp(0),
        window: Duration::from_secs(60),
        nodes: BTreeMap::from([(id, Node::new(id, NodeKind::Unknown))]),
        edges: BTreeMap::from([(edge.id, edge)]),
        boxes: BTreeMap::new(),
    };
    let body = write_graph(&view, "1:1", Include::default(), Vec::new());
    assert_eq!(
        (
            body.edges[0].traffic.requests,
            body.edges[0].traffic.responses[0].code.as_str()
        ),
        (None, "-")
    );
    assert_eq!(body.edges[0].id, "0000000000000002");
    assert_eq!(read_graph(&body).unwrap(), view);
    assert_eq!(
        traffic_body(&Side::default(), Duration::from_secs(60), Include::default()),
        None
    );
}

#[test]
fn bodies_of_another_version_are_refused_by_field() {
    let mut body = write_graph(&view(1.0), "1:1", ALL, Vec::new());
    body.nodes[0].kind = "volcano".into();
    let error = read_graph(&body).unwrap_err();
    assert_eq!(
        error.to_string(),
        "kind of a node of the graph's answer is `volcano`, which this version does not know"
    );
}

#[test]
fn include_is_a_list_of_known_words() {
    assert_eq!("buckets,counters,idle".parse(), Ok(ALL));
    assert_eq!("".parse(), Ok(Include::default()));
    assert_eq!(
        "buckets,all".parse::<Include>(),
        Err(UnknownInclude("all".into()))
    );
}
