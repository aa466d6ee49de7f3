//! Stock Envoy in a sidecar's place: nobody who looks at the map sees a difference.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use vigla_api::Graph;
use vigla_tests::{Demo, EdgeExt, Given, GraphExt, complete_graph, given};

use crate::{
    numbers::check_rates,
    scenarios::{check_broken_subset, check_mtls_strict},
};

/// What must be the same: names of the edges with their answers and their share of encrypted requests.
type Shape = BTreeMap<String, (BTreeSet<String>, Option<f64>)>;

fn shape(graph: &Graph) -> Shape {
    let edges = graph.edges_by_name().into_iter();
    edges
        .map(|(name, edge)| (name, (edge.responses().into_keys().collect(), edge.mtls_share)))
        .collect()
}

/// A map that has settled: the start of a demo, with its first failures, is out of the window.
async fn settled(demo: &Demo) -> Shape {
    complete_graph(demo).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    shape(
        &demo
            .graph("view=workload&window=10s")
            .await
            .expect("the graph answers"),
    )
}

#[tokio::test]
async fn with_envoy_in_one_place_or_in_all_the_map_is_the_same() {
    if given(Given::Envoy).is_none() {
        return;
    }
    let Some(ours) = Demo::with(&[]).await else { return };
    let wanted = settled(&ours).await;
    drop(ours);
    for envoy in ["reviews-v2", "all"] {
        let Some(demo) = Demo::with(&["--envoy", envoy]).await else {
            return;
        };
        assert_eq!(settled(&demo).await, wanted, "--envoy {envoy}");
        check_rates(&demo).await;
    }
}

#[tokio::test]
async fn scenarios_show_the_same_with_envoy_everywhere() {
    if given(Given::Envoy).is_none() {
        return;
    }
    let Some(demo) = Demo::with(&["--envoy", "all"]).await else {
        return;
    };
    check_broken_subset(&demo).await;
    check_mtls_strict(&demo).await;
}
