//! From labels as real meshes write them to the graph: shapes of Istio's proxies, and the eight places where Kiali's
//! graph is known to go wrong.

use vigla_config::{Capture, Instance, MeshSettings, Snapshot, read_objects};
use vigla_graph::{Grain, MeshFacts, Node, NodeKind, View, quotient};
use vigla_model::{AppName, ClusterName, ISTIO_BOUNDS_MS, Namespace, WorkloadName};

use super::*;
use crate::series::Family;

/// A series: its family, its labels as `name=value`, its rate.
type Line<'a> = (Family, &'a str, f64);

const HTTP: Family = Family::Requests;

/// The graph of these series, joined with this config, at the finest grain.
fn graph(config: &str, lines: &[Line<'_>]) -> View {
    let mut table = Table::default();
    for query in MeshQuery::ALL.into_iter().filter(|query| !query.is_total()) {
        let of_query = lines
            .iter()
            .filter(|(family, ..)| query.families().contains(family));
        let series: Vec<String> = of_query
            .map(|(family, labels, rate)| {
                let mut pairs: Vec<String> = labels
                    .split_whitespace()
                    .filter_map(|pair| pair.split_once('='))
                    .map(|(name, value)| format!(r#""{name}":"{value}""#))
                    .collect();
                pairs.push(format!(r#""vigla_family":"{}""#, family.as_str()));
                series(&pairs.join(","), &rate.to_string())
            })
            .collect();
        let mut answer = Answer::new(query);
        answer.take(vector(&series).as_bytes(), &mut table).unwrap();
        answer.end().unwrap();
    }
    let window = TrafficWindow {
        at: Timestamp(1_700_000_000_000),
        window: Duration::from_secs(60),
        rows: table.finish(),
    };
    let objects = read_objects("mesh.yaml", config);
    assert_eq!(objects.errors, []);
    let settings = MeshSettings {
        cluster: "west".into(),
        ..MeshSettings::default()
    };
    let web = Instance {
        name: "web-v1-0".into(),
        namespace: "shop".into(),
        workload: "web-v1".into(),
        labels: BTreeMap::new(),
        service_account: "web".into(),
        address: [10, 0, 0, 1].into(),
        sidecar: Some(Capture::default()),
        published: BTreeMap::new(),
        ready: true,
    };
    let snapshot = Snapshot::build(objects.objects, vec![web], settings);
    Graph::build(&[window], &MeshFacts::of(&snapshot)).view()
}

fn name(node: &Node) -> String {
    let place = |text: Option<&str>| text.map_or(String::new(), |text| format!("{text}/"));
    let cluster = place(
        node.cluster
            .as_ref()
            .map(ClusterName::as_str)
            .filter(|name| *name != "west"),
    );
    let workload = node.workload.as_ref().map(WorkloadName::as_str);
    let app = node.app.as_ref().map(AppName::as_str);
    match node.kind {
        NodeKind::Workload | NodeKind::Gateway => {
            let namespace = place(node.namespace.as_ref().map(Namespace::as_str));
            format!("{cluster}{namespace}{}", workload.unwrap_or("?"))
        }
        NodeKind::App => format!("{cluster}app {}", app.unwrap_or("?")),
        kind => {
            let host = node.service.as_ref().map_or("?", |host| host.as_str());
            format!("{} {host}", kind.as_str())
        }
    }
}

/// `CALLER -> CALLEE PROTOCOL RATE` of each edge; connections for TCP.
fn edges(view: &View) -> Vec<String> {
    let mut lines: Vec<String> = view
        .edges
        .values()
        .map(|edge| {
            let traffic = &edge.shown.traffic;
            format!(
                "{} -> {} {} {}",
                name(&view.nodes[&edge.source]),
                name(&view.nodes[&edge.target]),
                edge.protocol,
                traffic.requests + traffic.connections
            )
        })
        .collect();
    lines.sort();
    lines
}

fn check(config: &str, lines: &[Line<'_>], expect: &[&str]) {
    assert_eq!(edges(&graph(config, lines)), expect);
}

const CALL: &str = "source_workload=web-v1 source_workload_namespace=shop source_app=web \
    source_canonical_service=web source_canonical_revision=v1 source_version=v1 source_cluster=west \
    source_principal=spiffe://cluster.local/ns/shop/sa/web \
    destination_workload=cart-v2 destination_workload_namespace=shop destination_app=cart \
    destination_canonical_service=cart destination_canonical_revision=v2 destination_version=v2 \
    destination_cluster=west destination_principal=spiffe://cluster.local/ns/shop/sa/cart \
    destination_service=cart.shop.svc.cluster.local destination_service_name=cart \
    destination_service_namespace=shop request_protocol=http response_code=200 response_flags=-";

fn call(reporter: &str, more: &str) -> String {
    format!("reporter={reporter} {CALL} {more}")
}

/// The call with some labels set otherwise.
fn but(reporter: &str, changes: &[(&str, &str)]) -> String {
    let labels = call(reporter, "");
    let kept = labels.split_whitespace().filter(|pair| {
        !changes
            .iter()
            .any(|(name, _)| pair.split_once('=').is_some_and(|(have, _)| have == *name))
    });
    let changed = changes.iter().map(|(name, value)| format!("{name}={value}"));
    kept.map(str::to_owned)
        .chain(changed)
        .collect::<Vec<_>>()
        .join(" ")
}

const NO_DESTINATION: [(&str, &str); 7] = [
    ("destination_workload", "unknown"),
    ("destination_workload_namespace", "unknown"),
    ("destination_app", "unknown"),
    ("destination_canonical_service", "unknown"),
    ("destination_version", "unknown"),
    ("destination_principal", "unknown"),
    ("destination_cluster", "unknown"),
];

fn nowhere(more: &[(&str, &str)]) -> String {
    but("source", &[&NO_DESTINATION, more].concat())
}

#[test]
fn sidecars_of_istiod_are_one_edge_with_both_reporters() {
    let lines = [
        (HTTP, &*call("source", "connection_security_policy=unknown"), 5.0),
        (
            HTTP,
            &*call("destination", "connection_security_policy=mutual_tls"),
            5.0,
        ),
    ];
    let view = graph("", &lines);
    assert_eq!(edges(&view), ["shop/web-v1 -> shop/cart-v2 http 5"]);
    let edge = view.edges.values().next().unwrap();
    assert!(edge.by_source.is_some() && edge.by_destination.is_some());
    assert_eq!(edge.shown.mtls_share().map(vigla_model::Ratio::get), Some(1.0));
}

#[test]
fn ztunnels_count_connections_and_a_waypoint_the_requests_that_pass_it() {
    let waypoint = |end: &str| {
        [
            (format!("{end}_workload"), "waypoint".to_owned()),
            (format!("{end}_app"), "waypoint".to_owned()),
            (format!("{end}_canonical_service"), "waypoint".to_owned()),
            (
                format!("{end}_principal"),
                "spiffe://cluster.local/ns/shop/sa/waypoint".to_owned(),
            ),
            ("request_protocol".to_owned(), "tcp".to_owned()),
            ("app".to_owned(), "ztunnel".to_owned()),
            ("connection_security_policy".to_owned(), "mutual_tls".to_owned()),
        ]
    };
    let with = |reporter, changes: &[(String, String)]| {
        let changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (&**name, &**value)).collect();
        but(reporter, &changes)
    };
    let opened = Family::TcpOpened;
    check(
        "",
        &[
            (opened, &with("source", &waypoint("destination")), 1.0),
            (
                HTTP,
                &call("waypoint", "connection_security_policy=mutual_tls"),
                9.0,
            ),
            (opened, &with("destination", &waypoint("source")), 2.0),
        ],
        &[
            "shop/waypoint -> shop/cart-v2 tcp 2",
            "shop/web-v1 -> shop/cart-v2 http 9",
            "shop/web-v1 -> shop/waypoint tcp 1",
        ],
    );
}

#[test]
fn a_gateway_calls_and_who_calls_it_is_not_known() {
    let gateway = [
        ("source_workload", "istio-ingressgateway"),
        ("source_workload_namespace", "istio-system"),
        ("source_app", "istio-ingressgateway"),
    ];
    let outside: [(&str, &str); 8] = [
        ("source_workload", "unknown"),
        ("source_workload_namespace", "unknown"),
        ("source_app", "unknown"),
        ("source_canonical_service", "unknown"),
        ("source_principal", "unknown"),
        ("destination_workload", "istio-ingressgateway"),
        ("destination_workload_namespace", "istio-system"),
        (
            "destination_service",
            "istio-ingressgateway.istio-system.svc.cluster.local",
        ),
    ];
    check(
        "",
        &[
            (HTTP, &but("source", &gateway), 4.0),
            (HTTP, &but("destination", &gateway), 4.0),
            (HTTP, &but("destination", &outside), 4.0),
        ],
        &[
            "istio-system/istio-ingressgateway -> shop/cart-v2 http 4",
            "unknown ? -> istio-system/istio-ingressgateway http 4",
        ],
    );
}

#[test]
fn hosts_that_nobody_registered_are_one_node_whatever_the_caller_called_them() {
    let to = |name: &'static str, host: &'static str| {
        nowhere(&[("destination_service", host), ("destination_service_name", name)])
    };
    check(
        "",
        &[
            (HTTP, &to("PassthroughCluster", "one.example"), 1.0),
            (HTTP, &to("PassthroughCluster", "two.example:8443"), 2.0),
            (Family::TcpOpened, &to("PassthroughCluster", "unknown"), 3.0),
            (HTTP, &to("BlackHoleCluster", "three.example"), 4.0),
        ],
        &[
            "shop/web-v1 -> passthrough BlackHoleCluster http 4",
            "shop/web-v1 -> passthrough PassthroughCluster http 3",
            "shop/web-v1 -> passthrough PassthroughCluster tcp 3",
        ],
    );
}

const ENTRY: &str = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: partner, namespace: shop}\n\
    spec: {hosts: [api.partner.example], ports: [{number: 443, name: https, protocol: HTTPS}], resolution: DNS}\n";

#[test]
fn a_service_entrys_host_is_outside() {
    let out = nowhere(&[
        ("destination_service", "api.partner.example"),
        ("destination_service_name", "api.partner.example"),
    ]);
    check(
        ENTRY,
        &[(HTTP, &out, 2.0)],
        &["shop/web-v1 -> external api.partner.example http 2"],
    );
}

#[test]
fn clusters_keep_their_workloads_apart() {
    let east = [("destination_cluster", "east")];
    check(
        "",
        &[
            (HTTP, &call("source", ""), 1.0),
            (HTTP, &call("destination", ""), 1.0),
            (HTTP, &but("source", &east), 2.0),
            (HTTP, &but("destination", &east), 2.0),
        ],
        &[
            "shop/web-v1 -> east/shop/cart-v2 http 2",
            "shop/web-v1 -> shop/cart-v2 http 1",
        ],
    );
    // A callee whose cluster nobody names is in its caller's.
    let unsaid = [("source_cluster", "east"), ("destination_cluster", "unknown")];
    check(
        "",
        &[(HTTP, &but("source", &unsaid), 2.0)],
        &["east/shop/web-v1 -> east/shop/cart-v2 http 2"],
    );
}

/// Durations of a call: all within a bucket, cumulative as Prometheus has them.
fn durations(labels: &str, within: f64, rate: f64) -> Vec<(Family, String, f64)> {
    ISTIO_BOUNDS_MS
        .iter()
        .map(|bound| {
            (
                Family::Buckets,
                format!("{labels} le={bound}"),
                if *bound >= within { rate } else { 0.0 },
            )
        })
        .chain([(Family::Buckets, format!("{labels} le=+Inf"), rate)])
        .collect()
}

#[test]
fn messages_of_grpc_streams_are_counted_both_ways_on_their_edge() {
    let stream = but(
        "destination",
        &[("request_protocol", "grpc"), ("grpc_response_status", "0")],
    );
    let view = graph(
        "",
        &[
            (HTTP, &stream, 2.0),
            (Family::MessagesSent, &stream, 30.0),
            (Family::MessagesReceived, &stream, 4.0),
            (HTTP, &call("destination", ""), 1.0),
        ],
    );
    assert_eq!(
        edges(&view),
        [
            "shop/web-v1 -> shop/cart-v2 grpc 2",
            "shop/web-v1 -> shop/cart-v2 http 1"
        ]
    );
    for edge in view.edges.values() {
        let traffic = &edge.shown.traffic;
        let expect = if edge.protocol == vigla_model::Protocol::Grpc {
            (30.0, 4.0)
        } else {
            (0.0, 0.0)
        };
        assert_eq!((traffic.messages_sent, traffic.messages_received), expect);
    }
    // A stream that is open for the whole window ends no request in it, yet it is no idle edge.
    let open = graph("", &[(Family::MessagesSent, &stream, 5.0)]);
    assert_eq!(open.without_idle().edges.len(), 1);
}

#[test]
fn kiali_1_the_latency_of_an_edge_over_versions_is_that_of_all_of_them() {
    let v1 = but(
        "destination",
        &[("destination_workload", "cart-v1"), ("destination_version", "v1")],
    );
    let v2 = call("destination", "");
    let mut lines = vec![(HTTP, v1.clone(), 1.0), (HTTP, v2.clone(), 9.0)];
    lines.extend(durations(&v1, 10.0, 1.0));
    lines.extend(durations(&v2, 1000.0, 9.0));
    let lines: Vec<Line<'_>> = lines
        .iter()
        .map(|(family, labels, rate)| (*family, &**labels, *rate))
        .collect();
    let apps = quotient(&graph("", &lines), Grain::App);
    let edge = apps.edges.values().next().unwrap();
    assert_eq!((apps.edges.len(), edge.shown.traffic.latency.count()), (1, 10.0));
    let median = edge
        .shown
        .traffic
        .latency
        .quantile(0.5, &ISTIO_BOUNDS_MS)
        .unwrap();
    assert!(
        (500.0..=1000.0).contains(&median),
        "{median}: nine of ten took as long as v2"
    );
}

#[test]
fn kiali_2_the_share_of_mutual_tls_is_of_all_series_of_the_edge() {
    let tls = call("destination", "connection_security_policy=mutual_tls");
    let other = but(
        "destination",
        &[
            ("source_principal", "spiffe://cluster.local/ns/shop/sa/canary"),
            ("connection_security_policy", "mutual_tls"),
        ],
    );
    let plain = call("destination", "connection_security_policy=none");
    let tcp = but(
        "destination",
        &[
            ("request_protocol", "tcp"),
            ("connection_security_policy", "none"),
        ],
    );
    let view = graph(
        "",
        &[
            (HTTP, &tls, 2.0),
            (HTTP, &other, 4.0),
            (HTTP, &plain, 2.0),
            (Family::TcpOpened, &tcp, 5.0),
        ],
    );
    let share = |protocol| {
        let edge = view
            .edges
            .values()
            .find(|edge| edge.protocol == protocol)
            .unwrap();
        (
            edge.shown.mtls_share().map(vigla_model::Ratio::get),
            edge.shown.source_principals.len(),
        )
    };
    assert_eq!(share(vigla_model::Protocol::Http), (Some(0.75), 2));
    assert_eq!(share(vigla_model::Protocol::Tcp).0, Some(0.0));
}

#[test]
fn kiali_3_an_app_of_the_same_name_in_another_cluster_is_another_app() {
    let east = but("source", &[("destination_cluster", "east")]);
    let apps = quotient(
        &graph("", &[(HTTP, &call("source", ""), 1.0), (HTTP, &east, 2.0)]),
        Grain::App,
    );
    assert_eq!(
        edges(&apps),
        ["app web -> app cart http 1", "app web -> east/app cart http 2"]
    );
}

#[test]
fn kiali_4_an_idle_workload_has_no_protocol_and_no_edge() {
    let idle = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: mongo, namespace: shop}\n\
        spec: {selector: {matchLabels: {app: mongo}}, template: {metadata: {labels: {app: mongo}}}}\n";
    let view = graph(idle, &[(HTTP, &call("source", ""), 1.0)]);
    let node = view
        .nodes
        .values()
        .find(|node| name(node) == "shop/mongo")
        .expect("it is drawn");
    assert!(
        view.edges
            .values()
            .all(|edge| edge.source != node.id && edge.target != node.id)
    );
    assert_eq!(node.health.state, vigla_graph::HealthState::NoTraffic);
}

#[test]
fn kiali_5_protocols_are_told_apart_by_the_whole_word() {
    let grpc = but(
        "source",
        &[("request_protocol", "grpc"), ("grpc_response_status", "14")],
    );
    let odd = but("source", &[("request_protocol", "xgrpc")]);
    let view = graph("", &[(HTTP, &grpc, 1.0), (HTTP, &odd, 2.0)]);
    assert_eq!(
        edges(&view),
        [
            "shop/web-v1 -> shop/cart-v2 grpc 1",
            "shop/web-v1 -> shop/cart-v2 http 2"
        ]
    );
    let failed = view
        .edges
        .values()
        .find(|edge| edge.protocol == vigla_model::Protocol::Grpc)
        .unwrap();
    assert_eq!(failed.shown.error_share().map(vigla_model::Ratio::get), Some(1.0));
}

#[test]
fn kiali_6_a_service_entry_of_the_callers_namespace_counts_once() {
    let out = nowhere(&[
        ("destination_service", "api.partner.example"),
        ("destination_service_namespace", "shop"),
    ]);
    let view = graph(ENTRY, &[(HTTP, &out, 2.0)]);
    let shown: f64 = view.edges.values().map(|edge| edge.shown.traffic.requests).sum();
    assert_eq!((view.edges.len(), shown), (1, 2.0));
}

#[test]
fn kiali_7_an_egress_gateway_of_any_namespace_is_the_workload_that_it_is() {
    let to_gateway = but(
        "source",
        &[
            ("destination_workload", "egress"),
            ("destination_workload_namespace", "borders"),
            ("destination_service", "egress.borders.svc.cluster.local"),
        ],
    );
    let onwards = nowhere(&[
        ("source_workload", "egress"),
        ("source_workload_namespace", "borders"),
        ("destination_service", "api.partner.example"),
    ]);
    check(
        ENTRY,
        &[(HTTP, &to_gateway, 2.0), (HTTP, &onwards, 2.0)],
        &[
            "borders/egress -> external api.partner.example http 2",
            "shop/web-v1 -> borders/egress http 2",
        ],
    );
}

#[test]
fn kiali_8_plain_tcp_between_sidecars_is_one_edge() {
    // Without a certificate the callee's proxy knows its caller by address only; the caller's proxy knows both.
    let tcp = [
        ("request_protocol", "tcp"),
        ("connection_security_policy", "none"),
    ];
    let by_callee = [
        ("source_workload", "unknown"),
        ("source_workload_namespace", "unknown"),
        ("source_app", "unknown"),
        ("source_canonical_service", "unknown"),
        ("source_principal", "unknown"),
        ("source_address", "10.0.0.1"),
    ];
    let view = graph(
        "",
        &[
            (Family::TcpOpened, &but("source", &tcp), 3.0),
            (
                Family::TcpOpened,
                &but("destination", &[&tcp[..], &by_callee].concat()),
                3.0,
            ),
        ],
    );
    assert_eq!(edges(&view), ["shop/web-v1 -> shop/cart-v2 tcp 3"]);
}
