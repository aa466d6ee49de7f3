//! Price of a refresh (P4): `cargo xtask bench refresh`.
//!
//! A mesh of 1 000 workloads and 5 000 edges, counted by both proxies, over and over, with other numbers on one edge in
//! a hundred each time. Beside each other, taking turns: the finest view and the view of workloads built from nothing,
//! and the same two kept, with the change that goes out to readers. Both must come to the same.
#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::{hint::black_box, sync::Arc, time::Duration, time::Instant};

use vigla_graph::{
    Changed, Follower, Grain, Graph, Kept, Totals, Traffic, TrafficKey, TrafficRow, TrafficWindow,
    Unidentified, quotient,
};
use vigla_model::{
    Fqdn, Histogram, ISTIO_BOUNDS_MS, PeerIdentity, Principal, Protocol, Reporter, ResponseFlags,
    SecurityPolicy, Timestamp,
};

/// The console's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WORKLOADS: usize = 1000;
const EDGES: usize = 5000;
const ROUNDS: usize = 31;

fn peer(number: usize) -> PeerIdentity {
    let namespace = format!("namespace-{}", number % 50);
    PeerIdentity {
        cluster: Some("Kubernetes".into()),
        namespace: Some(namespace.as_str().into()),
        workload: Some(format!("workload-{number}-v1").as_str().into()),
        app: Some(format!("workload-{number}").as_str().into()),
        version: Some("v1".into()),
        principal: Some(Principal::new(
            "cluster.local",
            &namespace,
            &format!("workload-{number}"),
        )),
    }
}

/// What a proxy counted on an edge at this rate; every fifth answer is an error.
fn traffic(rate: f64) -> Traffic {
    let middle = &ISTIO_BOUNDS_MS[2..10];
    Traffic {
        requests: rate,
        latency: Histogram {
            buckets: middle.iter().map(|bound| (*bound, rate / 8.0)).collect(),
            sum_ms: rate * 12.0,
        },
        bytes_sent: rate * 300.0,
        bytes_received: rate * 9000.0,
        ..Traffic::default()
    }
}

fn mesh() -> TrafficWindow {
    let mut rows = Vec::new();
    for edge in 0..EDGES {
        let (caller, callee) = (
            edge % WORKLOADS,
            (edge * 7 + edge / WORKLOADS * 13 + 1) % WORKLOADS,
        );
        for reporter in [Reporter::Source, Reporter::Destination] {
            for (code, share) in [(200, 0.8), (503, 0.2)] {
                let key = TrafficKey {
                    reporter,
                    source: peer(caller),
                    destination: peer(callee),
                    service: Some(Fqdn::of_service(
                        &format!("workload-{callee}"),
                        &format!("namespace-{}", callee % 50),
                        "cluster.local",
                    )),
                    protocol: Protocol::Http,
                    response_code: Some(code),
                    grpc_status: None,
                    flags: ResponseFlags::NONE,
                    security: SecurityPolicy::MutualTls,
                    source_address: None,
                    refused: false,
                };
                rows.push(TrafficRow {
                    key: Arc::new(key),
                    traffic: traffic(share * (1.0 + edge as f64 / 37.0)),
                    totals: Totals::default(),
                });
            }
        }
    }
    TrafficWindow {
        at: Timestamp(1_800_000_000_000),
        window: Duration::from_secs(60),
        rows,
    }
}

/// The next window: other numbers on one edge in a hundred.
fn next(window: &TrafficWindow, round: usize) -> TrafficWindow {
    let mut next = window.clone();
    next.at = Timestamp(next.at.millis() + 5000);
    for (number, row) in next.rows.iter_mut().enumerate() {
        if number / 4 % 100 == round % 100 {
            row.traffic = traffic(row.traffic.requests * 1.1);
            row.totals.requests += 1.0;
        }
    }
    next
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn main() {
    let mesh_facts = Arc::new(Unidentified);
    let mut window = mesh();
    let mut kept = Kept::build(vec![window.clone()], mesh_facts.clone());
    let mut workloads = Follower::new(kept.view(), Grain::Workload);
    let (mut cold, mut warm, mut copies, mut sent) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..ROUNDS {
        window = next(&window, round);
        let (of_cold, of_warm) = (vec![window.clone()], vec![window.clone()]);

        let started = Instant::now();
        let finest = Graph::build(&of_cold, &Unidentified).into_view();
        let view = quotient(&finest, Grain::Workload);
        cold.push(started.elapsed());

        let started = Instant::now();
        let changed = kept.update(of_warm, &mesh_facts);
        let delta = workloads.follow(kept.view(), &changed);
        warm.push(started.elapsed());

        let started = Instant::now();
        black_box(kept.view().clone());
        copies.push(started.elapsed());

        assert!(
            matches!(changed, Changed::Some { .. }),
            "only numbers changed, so nothing is built from nothing"
        );
        assert_eq!(kept.view(), &finest);
        assert_eq!(workloads.view(), &view);
        assert_eq!((view.nodes.len(), view.edges.len()), (WORKLOADS, EDGES));
        sent = delta.edges.set.len();
    }
    let (cold, warm, copy) = (median(cold), median(warm), median(copies));
    println!(
        "P4: {} rows, {WORKLOADS} nodes, {EDGES} edges; {sent} edges change a refresh",
        window.rows.len()
    );
    println!(
        "P4: from nothing {cold:.1} ms, refresh {warm:.2} ms (median of {ROUNDS}): ratio {:.3} (bar 0.1)",
        warm / cold
    );
    println!("a copy of the finest view, for who changes it: {copy:.2} ms");
}
