//! Price of the path from scraped text to a workload view: `cargo bench -p vigla-store --bench store`.
//!
//! All times are CPU times of one core. A mesh of Istio-shaped metrics: 834 edges of 24 series (two codes, 20 buckets, sum, bytes) from 16 sidecars.
#![expect(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::{fmt::Write, fs, hint::black_box, time::Duration};

use vigla_graph::{Grain, Graph, Unidentified, quotient};
use vigla_model::{ISTIO_BOUNDS_MS, Timestamp, Window};
use vigla_store::{MetricStore, StoreSettings, Target};

const EDGES: usize = 834;
const TARGETS: usize = 16;
const SCRAPES: usize = 120;
const START: i64 = 1_800_000_000_000;

/// What the sidecar with this number has counted after some seconds.
fn text(target: usize, seconds: usize) -> String {
    let mut text = String::new();
    for edge in (target..EDGES).step_by(TARGETS) {
        let (caller, callee) = (edge % 100, (edge * 7 + edge / 100 * 13 + 1) % 100);
        let labels = format!(
            "reporter=\"source\",source_workload=\"wl-{caller}-v1\",source_canonical_service=\"wl-{caller}\",\
             source_canonical_revision=\"v1\",source_workload_namespace=\"ns{}\",\
             source_principal=\"spiffe://cluster.local/ns/ns{}/sa/wl-{caller}\",source_app=\"wl-{caller}\",\
             source_version=\"v1\",source_cluster=\"demo\",destination_workload=\"wl-{callee}-v1\",\
             destination_workload_namespace=\"ns{}\",destination_app=\"wl-{callee}\",destination_version=\"v1\",\
             destination_cluster=\"demo\",destination_principal=\"unknown\",\
             destination_service=\"wl-{callee}.ns{}.svc.cluster.local\",destination_service_name=\"wl-{callee}\",\
             destination_service_namespace=\"ns{}\",request_protocol=\"http\",grpc_response_status=\"\",\
             connection_security_policy=\"unknown\"",
            caller % 20,
            caller % 20,
            callee % 20,
            callee % 20,
            callee % 20,
        );
        // A third of the edges is idle, as in most meshes.
        let count = if edge % 3 == 0 {
            1000
        } else {
            1000 + edge % 50 * seconds
        };
        for (code, flags, part) in [(200, "-", count), (503, "UF", count / 37)] {
            let answer = format!("response_code=\"{code}\",response_flags=\"{flags}\"");
            writeln!(text, "istio_requests_total{{{labels},{answer}}} {part}").expect("memory is there");
        }
        let bounds = ISTIO_BOUNDS_MS
            .iter()
            .map(ToString::to_string)
            .chain(["+Inf".to_owned()]);
        for (i, bound) in bounds.enumerate() {
            let share = 1.0 - (-(i as f64) / (2.0 + (edge % 7) as f64)).exp();
            let below = if bound == "+Inf" {
                count
            } else {
                (count as f64 * share) as usize
            };
            let family = "istio_request_duration_milliseconds_bucket";
            writeln!(
                text,
                "{family}{{{labels},response_code=\"200\",response_flags=\"-\",le=\"{bound}\"}} {below}"
            )
            .expect("memory is there");
        }
        for (family, factor) in [
            ("istio_request_duration_milliseconds_sum", 12.345),
            ("istio_request_bytes_sum", 321.0),
        ] {
            let sum = (count as f64 * factor * 1000.0).round() / 1000.0;
            writeln!(
                text,
                "{family}{{{labels},response_code=\"200\",response_flags=\"-\"}} {sum}"
            )
            .expect("memory is there");
        }
    }
    text
}

/// Time that this thread has spent on a core: a busy machine must not count.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
    let nanos = stat
        .split_whitespace()
        .next()
        .and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.expect("its first field is nanoseconds"))
}

/// Runs something several times and tells the median of its CPU time.
fn measure<T>(what: &str, mut run: impl FnMut() -> T) -> T {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..15 {
        let started = cpu_time();
        last = Some(black_box(run()));
        times.push(cpu_time() - started);
    }
    times.sort();
    println!("{what}: {:.1?}", times[times.len() / 2]);
    last.expect("it ran")
}

fn main() {
    let store = MetricStore::new(StoreSettings::default());
    let targets: Vec<Target> = (0..TARGETS)
        .map(|target| Target {
            name: format!("ns/{target}").into(),
            address: ([127, 0, 0, 1], 1).into(),
        })
        .collect();
    store.set_targets(&targets, Timestamp(START));
    let (mut first, mut rounds) = (Duration::ZERO, Vec::new());
    let mut size = 0;
    for scrape in 0..SCRAPES {
        let texts: Vec<String> = (0..TARGETS).map(|target| text(target, scrape * 2)).collect();
        size = texts.iter().map(String::len).sum();
        let started = cpu_time();
        for (target, text) in targets.iter().zip(&texts) {
            store.take(
                &target.name,
                Timestamp(START + scrape as i64 * 2000),
                Duration::ZERO,
                text.as_bytes(),
            );
        }
        match scrape {
            0 => first = cpu_time() - started,
            _ => rounds.push(cpu_time() - started),
        }
    }
    rounds.sort();
    let status = store.status();
    println!("{} series, {} KB of text a round", status.series, size >> 10);
    println!("first round {first:.1?}, later {:.1?}", rounds[rounds.len() / 2]);
    let samples = (status.series * SCRAPES) as f64;
    println!(
        "{} KB after {SCRAPES} rounds: {:.2} bytes a sample in all",
        status.bytes >> 10,
        status.bytes as f64 / samples
    );

    let window = measure("traffic of one minute", || {
        store.traffic_in(Window::MINUTE, None).expect("there is traffic")
    });
    println!("{} rows", window.rows.len());
    let graph = measure("graph of it", || {
        Graph::build(std::slice::from_ref(&window), &Unidentified)
    });
    let view = measure("finest view", || graph.view());
    println!("{} nodes, {} edges", view.nodes.len(), view.edges.len());
    measure("workload view", || quotient(&view, Grain::Workload));
    let many: Vec<_> = (0..20_000)
        .map(|i| {
            let mut row = window.rows[i % window.rows.len()].clone();
            let mut key = (*row.key).clone();
            key.source.workload = Some(format!("caller-{}", i / window.rows.len()).as_str().into());
            row.key = key.into();
            row
        })
        .collect();
    let many = vigla_graph::TrafficWindow { rows: many, ..window };
    let graph = measure("graph of 20 000 rows", || {
        Graph::build(std::slice::from_ref(&many), &Unidentified)
    });
    println!("{} edges", graph.view().edges.len());
}
