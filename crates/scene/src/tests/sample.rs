//! Views to paint: Bookinfo behind its gateway, with a subset that nothing defines and a caller without sidecar
//! that is refused; and a mesh of three namespaces with something of everything.

use std::{collections::BTreeMap, time::Duration};

use vigla_graph::{
    Badge, BoxKind, Edge, Grain, GroupBox, Guess, Health, HealthState, Id, Node, NodeKind, ResponseKey, Side,
    View,
};
use vigla_model::{Histogram, Namespace, Protocol, ResponseFlags, Timestamp, WorkloadName};

/// Ids are made of names here, so that tests can ask for them.
pub(crate) fn id_of(name: &str) -> Id {
    Id(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

fn side(requests: f64, failed: f64, p95: f64, mtls: f64) -> Side {
    let key = |code| ResponseKey {
        code: Some(code),
        grpc_status: None,
        flags: ResponseFlags::default(),
    };
    let mut side = Side::default();
    side.traffic.requests = requests;
    side.traffic.latency = Histogram {
        buckets: vec![(p95, requests)],
        sum_ms: requests * p95 / 2.0,
    };
    side.responses = BTreeMap::from([(key(200), requests - failed), (key(503), failed)]);
    side.mutual_tls = requests * mtls;
    side.security_known = requests;
    side
}

struct Builder(View);

impl Builder {
    fn node(&mut self, name: &str, kind: NodeKind, namespace: Option<&str>) -> &mut Node {
        let id = id_of(name);
        let node = self.0.nodes.entry(id).or_insert_with(|| Node::new(id, kind));
        node.workload = (kind != NodeKind::Unknown).then(|| WorkloadName::new(name));
        node.namespace = namespace.map(Namespace::new);
        node.parent = namespace.map(|namespace| id_of(&format!("box {namespace}")));
        node.health = Health {
            state: HealthState::Ok,
            why: Vec::new(),
        };
        node
    }

    fn area(&mut self, namespace: &str) {
        let id = id_of(&format!("box {namespace}"));
        let area = GroupBox {
            id,
            kind: BoxKind::Namespace,
            name: namespace.to_owned(),
            parent: None,
        };
        self.0.boxes.insert(id, area);
    }

    fn edge(&mut self, from: &str, to: &str, side: Side) -> &mut Edge {
        let (source, target) = (id_of(from), id_of(to));
        if let Some(node) = self.0.nodes.get_mut(&source) {
            node.outbound.add(&side);
        }
        if let Some(node) = self.0.nodes.get_mut(&target) {
            node.inbound.add(&side);
        }
        let id = id_of(&format!("{from} to {to}"));
        let edge = self
            .0
            .edges
            .entry(id)
            .or_insert_with(|| Edge::new(id, source, target, Protocol::Http));
        edge.shown = side;
        edge
    }
}

pub(crate) fn bookinfo() -> View {
    let mut build = Builder(View {
        grain: Grain::Workload,
        at: Timestamp(1_792_500_000_000),
        window: Duration::from_secs(60),
        nodes: BTreeMap::new(),
        edges: BTreeMap::new(),
        boxes: BTreeMap::new(),
    });
    build.area("bookinfo");
    build.area("istio-system");
    build.node("istio-ingressgateway", NodeKind::Gateway, Some("istio-system"));
    for name in [
        "productpage-v1",
        "details-v1",
        "reviews-v1",
        "reviews-v2",
        "reviews-v3",
        "ratings-v1",
    ] {
        build.node(name, NodeKind::Workload, Some("bookinfo"));
    }
    let caller = build.node("load", NodeKind::Unknown, None);
    caller.health.state = HealthState::Unknown;
    caller.guess = Some(Guess {
        workload: WorkloadName::new("batch-report"),
        namespace: Namespace::new("bookinfo"),
        from: "address 127.64.9.1".to_owned(),
    });
    build
        .node("productpage-v1", NodeKind::Workload, Some("bookinfo"))
        .badges = [Badge::Route, Badge::Timeout].into();
    build.edge(
        "istio-ingressgateway",
        "productpage-v1",
        side(48.2, 0.0, 50.0, 1.0),
    );
    build.edge("productpage-v1", "details-v1", side(48.1, 0.0, 10.0, 1.0));
    build.edge("productpage-v1", "reviews-v1", side(14.4, 0.0, 25.0, 1.0));
    build.edge("productpage-v1", "reviews-v2", side(14.5, 0.0, 25.0, 1.0));
    build.edge("productpage-v1", "reviews-v3", side(19.3, 1.9, 50.0, 1.0));
    build.edge("reviews-v2", "ratings-v1", side(14.5, 0.0, 10.0, 1.0));
    build.edge("reviews-v3", "ratings-v1", side(17.4, 0.0, 10.0, 1.0));
    build.edge("load", "details-v1", Side::default()).refused = 2.0;
    build.edge("load", "ratings-v1", side(9.8, 0.0, 10.0, 0.0));
    let failing = id_of("reviews-v3");
    if let Some(node) = build.0.nodes.get_mut(&failing) {
        node.health.state = HealthState::Degraded;
    }
    build.0
}

/// Bookinfo with a box around the versions of reviews.
pub(crate) fn bookinfo_by_app() -> View {
    let mut view = bookinfo();
    let id = id_of("box reviews");
    let parent = Some(id_of("box bookinfo"));
    let area = GroupBox {
        id,
        kind: BoxKind::App,
        name: "reviews".to_owned(),
        parent,
    };
    view.boxes.insert(id, area);
    for name in ["reviews-v1", "reviews-v2", "reviews-v3"] {
        if let Some(node) = view.nodes.get_mut(&id_of(name)) {
            node.parent = Some(id);
        }
    }
    view
}

/// Nineteen apps in four namespaces: one failing, three degraded, plain text, refused, unknown, TCP, no traffic.
pub(crate) fn shop() -> View {
    use vigla_graph::Badge::{Authorization, Breaker, Mirror, Retry, Route, Timeout};
    let mut build = Builder(View {
        grain: Grain::Workload,
        at: Timestamp(1_792_500_000_000),
        window: Duration::from_secs(300),
        nodes: BTreeMap::new(),
        edges: BTreeMap::new(),
        boxes: BTreeMap::new(),
    });
    let places: [(&str, &[&str]); 4] = [
        ("istio-system", &["istio-ingress"]),
        ("bookinfo", &["productpage", "details", "reviews", "ratings"]),
        (
            "shop",
            &[
                "frontend",
                "currency",
                "cart",
                "recommendation",
                "checkout",
                "redis-cart",
                "catalog",
                "shipping",
                "ads",
            ],
        ),
        (
            "payments",
            &["payment-api", "fraud", "ledger", "postgres", "istio-egress"],
        ),
    ];
    for (namespace, names) in places {
        build.area(namespace);
        for name in names {
            let kind = if name.starts_with("istio-") {
                NodeKind::Gateway
            } else {
                NodeKind::Workload
            };
            build.node(name, kind, Some(namespace));
        }
    }
    build.node("unknown", NodeKind::Unknown, None).guess = Some(Guess {
        workload: WorkloadName::new("batch-report"),
        namespace: Namespace::new("shop"),
        from: "address 127.64.9.1".to_owned(),
    });
    build.node("unregistered", NodeKind::Passthrough, None);
    build.node("cardnet.example", NodeKind::External, None).service = Some("cardnet.example".into());
    for (from, to, rate, p95) in [
        ("istio-ingress", "productpage", 48.2, 50.0),
        ("istio-ingress", "frontend", 364.0, 250.0),
        ("productpage", "details", 48.1, 5.0),
        ("reviews", "ratings", 19.3, 10.0),
        ("frontend", "currency", 240.0, 5.0),
        ("frontend", "cart", 121.0, 10.0),
        ("frontend", "recommendation", 96.4, 50.0),
        ("frontend", "checkout", 12.6, 500.0),
        ("frontend", "catalog", 302.0, 10.0),
        ("recommendation", "catalog", 96.4, 10.0),
        ("checkout", "shipping", 12.4, 25.0),
        ("checkout", "cart", 12.5, 10.0),
        ("checkout", "payment-api", 12.6, 500.0),
        ("payment-api", "fraud", 12.6, 500.0),
        ("payment-api", "ledger", 12.4, 25.0),
        ("payment-api", "istio-egress", 12.4, 50.0),
        ("istio-egress", "cardnet.example", 12.4, 50.0),
    ] {
        build.edge(from, to, side(rate, 0.0, p95, 1.0));
    }
    build.edge("productpage", "reviews", side(48.1, 4.86, 25.0, 1.0));
    build.edge("unknown", "catalog", side(9.8, 0.0, 10.0, 0.0));
    build.edge("recommendation", "ledger", Side::default()).refused = 1.0;
    for (from, to, bytes) in [
        ("cart", "redis-cart", 84_000.0),
        ("ledger", "postgres", 212_000.0),
        ("recommendation", "unregistered", 12_000.0),
    ] {
        let mut side = Side::default();
        side.traffic.bytes_sent = bytes;
        side.traffic.connections = 0.5;
        build.edge(from, to, side).protocol = Protocol::Tcp;
    }
    for (name, state) in [
        ("reviews", HealthState::Failing),
        ("checkout", HealthState::Degraded),
        ("fraud", HealthState::Degraded),
        ("ledger", HealthState::Degraded),
        ("ads", HealthState::NoTraffic),
    ] {
        if let Some(node) = build.0.nodes.get_mut(&id_of(name)) {
            node.health.state = state;
        }
    }
    for (name, badges) in [
        ("productpage", &[Route][..]),
        ("frontend", &[Route, Retry]),
        ("cart", &[Breaker]),
        ("checkout", &[Timeout, Retry]),
        ("catalog", &[Mirror]),
        ("ledger", &[Authorization]),
    ] {
        if let Some(node) = build.0.nodes.get_mut(&id_of(name)) {
            node.badges = badges.iter().copied().collect();
        }
    }
    build.0
}
