//! What every demo of the embedded mesh shows, whatever its proxies are.

use std::time::Duration;

use crate::{Demo, GraphExt, until_some};
use vigla_api::Graph;

/// Both ends have sidecars: these calls are encrypted on both sides.
pub const MESH_EDGES: [&str; 7] = [
    "istio-system/istio-ingressgateway -> bookinfo/productpage-v1 http",
    "bookinfo/productpage-v1 -> bookinfo/details-v1 http",
    "bookinfo/productpage-v1 -> bookinfo/reviews-v1 http",
    "bookinfo/productpage-v1 -> bookinfo/reviews-v2 http",
    "bookinfo/productpage-v1 -> bookinfo/reviews-v3 http",
    "bookinfo/reviews-v2 -> bookinfo/ratings-v1 http",
    "bookinfo/reviews-v3 -> bookinfo/ratings-v1 http",
];

/// From the start of the demo to all edges in the API.
const START: Duration = Duration::from_secs(10);

/// The graph of workloads as soon as it has all edges of the mesh.
pub async fn complete_graph(demo: &Demo) -> Graph {
    until_some("complete graph", START, async || {
        let graph = demo.graph("view=workload&window=10s").await?;
        let seen = graph.edges_by_name();
        let missing: Vec<&str> = MESH_EDGES
            .into_iter()
            .filter(|edge| !seen.contains_key(*edge))
            .collect();
        if missing.is_empty() {
            Ok(graph.clone())
        } else {
            Err(format!(
                "without {missing:?}, with {:?}",
                seen.keys().collect::<Vec<_>>()
            ))
        }
    })
    .await
}
