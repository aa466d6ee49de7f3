//! Every number is true: counters equal what the applications saw, rates what they see.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use vigla_api::{Counters, Graph};
use vigla_tests::{AppCounts, Demo, EdgeExt, GraphExt, MESH_EDGES, complete_graph, read_counts, until_some};

/// Rates of edges with more than this many requests a second are held to [`TOLERANCE`].
const BUSY: f64 = 10.0;
const TOLERANCE: f64 = 0.05;

/// What the application at the end of an edge calls the caller at its start.
fn caller_of(source: &str) -> &str {
    match source {
        "istio-system/istio-ingressgateway" => "generator",
        "unknown (legacy/batch-report?)" => "legacy/batch-report",
        workload => workload,
    }
}

#[tokio::test]
async fn when_traffic_has_ended_the_counters_of_both_ends_are_what_the_applications_saw() {
    let Some(demo) = Demo::with(&["--requests", "300", "--rate", "100"]).await else {
        return;
    };
    let truth = quiet_counts(&demo).await;
    let graph = until_some("equal counters", Duration::from_secs(15), async || {
        let graph = demo
            .graph("view=workload&include=counters,idle&window=1m")
            .await?;
        let differences = differences(&graph, &truth);
        if differences.is_empty() {
            Ok(graph)
        } else {
            Err(differences.join("; "))
        }
    })
    .await;
    let edges = graph.edges_by_name();
    for edge in MESH_EDGES {
        assert!(edges.contains_key(edge), "{edge} is not there");
    }
    let pages: u64 = truth["bookinfo/productpage-v1"].received["generator"];
    assert_eq!(pages, 300, "the generator was asked for 300 pages");
}

/// The applications' counts once they stand still.
async fn quiet_counts(demo: &Demo) -> BTreeMap<String, AppCounts> {
    let mut last = BTreeMap::new();
    until_some("end of traffic", Duration::from_secs(60), async || {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let now = read_counts(demo).await;
        let quiet = now == last && !now.is_empty();
        last = now.clone();
        if quiet { Ok(now) } else { Err(format!("{now:?}")) }
    })
    .await
}

/// Every edge that does not have the count of the application at its end, on each side that reports it.
fn differences(graph: &Graph, truth: &BTreeMap<String, AppCounts>) -> Vec<String> {
    let mut differences = Vec::new();
    let names = graph.names();
    for edge in &graph.edges {
        let (source, target) = (&names[edge.source.as_str()].0, &names[edge.target.as_str()].0);
        // Into the mesh nobody but the gateway counts; behind it the applications do.
        let Some(app) = truth.get(target) else { continue };
        let wanted = app.received.get(caller_of(source)).copied().unwrap_or(0);
        let count = |counters: Option<Counters>| counters.map(|counters| counters.requests);
        let by = &edge.by_reporter;
        let destination = by
            .destination
            .as_ref()
            .and_then(|traffic| count(traffic.counters));
        if destination != Some(wanted) {
            differences.push(format!(
                "{source} -> {target}: {wanted} seen, destination {destination:?}"
            ));
        }
        // A caller without sidecar has nobody who counts for it.
        let counted = by.source.as_ref().and_then(|traffic| count(traffic.counters));
        if counted != Some(wanted) && !source.starts_with("unknown") {
            differences.push(format!("{source} -> {target}: {wanted} seen, source {counted:?}"));
        }
    }
    differences
}

#[tokio::test]
async fn rates_are_within_five_percent_of_what_the_applications_see() {
    let Some(demo) = Demo::with(&[]).await else { return };
    complete_graph(&demo).await;
    check_rates(&demo).await;
}

/// Measures both for half a minute.
pub(crate) async fn check_rates(demo: &Demo) {
    // The first scrapes of the start are behind us then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (before, started) = (read_counts(demo).await, Instant::now());
    tokio::time::sleep(Duration::from_secs(30)).await;
    let (after, elapsed) = (read_counts(demo).await, started.elapsed().as_secs_f64());
    let graph = demo
        .graph("view=workload&window=30s")
        .await
        .expect("the graph answers");
    let names = graph.names();
    let mut checked = 0;
    for edge in &graph.edges {
        let (source, target) = (&names[edge.source.as_str()].0, &names[edge.target.as_str()].0);
        let caller = caller_of(source);
        let count = |counts: &BTreeMap<String, AppCounts>| {
            counts
                .get(target)
                .and_then(|app| app.received.get(caller))
                .copied()
                .unwrap_or(0)
        };
        let seen = (count(&after) - count(&before)) as f64 / elapsed;
        if seen > BUSY {
            let shown = edge.rate();
            let off = (shown - seen).abs() / seen;
            assert!(
                off <= TOLERANCE,
                "{source} -> {target}: {shown:.1}/s shown, {seen:.1}/s seen"
            );
            checked += 1;
        }
    }
    assert!(
        checked >= 4,
        "only {checked} edges have more than {BUSY} requests a second"
    );
}

#[tokio::test]
async fn calls_between_sidecars_are_encrypted_and_those_of_a_stranger_are_not() {
    let Some(demo) = Demo::with(&[]).await else { return };
    let graph = complete_graph(&demo).await;
    let edges = graph.edges_by_name();
    for name in MESH_EDGES {
        assert_eq!(edges[name].mtls_share, Some(1.0), "{name}");
        let principals = &edges[name].principals;
        assert_eq!(principals.source.len(), 1, "{name}: {principals:?}");
        assert_eq!(principals.destination.len(), 1, "{name}: {principals:?}");
    }
    let graph = until_some(
        "calls of the caller without sidecar",
        Duration::from_secs(10),
        async || {
            let graph = demo.graph("view=workload&window=10s").await?;
            let found = !graph
                .edges_between("unknown (legacy/batch-report?)", "bookinfo/productpage-v1")
                .is_empty();
            if found {
                Ok(graph)
            } else {
                Err(format!("{:?}", graph.edges_by_name().keys().collect::<Vec<_>>()))
            }
        },
    )
    .await;
    for edge in graph.edges_between("unknown (legacy/batch-report?)", "bookinfo/productpage-v1") {
        assert_eq!(edge.mtls_share, Some(0.0));
    }
    let unknown = graph.node("unknown (legacy/batch-report?)").expect("seen above");
    assert_eq!(unknown.workload, None, "a guess is no fact");
}
