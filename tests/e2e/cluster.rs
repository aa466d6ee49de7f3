//! `vigla demo --kubeconfig`: what is written in a real API server is what real sidecars do.

use std::{collections::BTreeMap, path::Path, time::Duration};

use vigla_api::Status;
use vigla_config::{Object, read_objects};
use vigla_testing::peers::{ADMIN, Cluster};
use vigla_tests::{Demo, EdgeExt, Given, GraphExt, Options, complete_graph, given, read_folder, until_some};

/// From the change to the map.
const SOON: Duration = Duration::from_secs(10);

fn route_to(subset: &str) -> Vec<std::sync::Arc<Object>> {
    let text = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: reviews, namespace: bookinfo}}\n\
         spec: {{hosts: [reviews], http: [{{route: [{{destination: {{host: reviews, subset: {subset}}}}}]}}]}}\n"
    );
    read_objects("reviews.yaml", &text).objects
}

/// Requests a second from productpage to each version of reviews, over the last seconds.
async fn split(demo: &Demo) -> Result<BTreeMap<String, f64>, String> {
    let graph = demo.graph("view=workload&window=5s").await?;
    let versions = ["reviews-v1", "reviews-v2", "reviews-v3"].into_iter();
    let rates = versions.filter_map(|version| {
        let edges = graph.edges_between("bookinfo/productpage-v1", &format!("bookinfo/{version}"));
        let rate: f64 = edges.iter().map(|edge| edge.rate()).sum();
        (rate > 0.0).then(|| (version.to_owned(), rate))
    });
    Ok(rates.collect())
}

async fn until_all_to(demo: &Demo, version: &str) {
    until_some(&format!("map on which all go to {version}"), SOON, async || {
        let split = split(demo).await?;
        let only = split.len() == 1 && split.contains_key(version);
        if only { Ok(()) } else { Err(format!("{split:?}")) }
    })
    .await;
}

async fn apply(cluster: &Cluster, objects: &[std::sync::Arc<Object>]) {
    let objects: Vec<&Object> = objects.iter().map(AsRef::as_ref).collect();
    cluster.apply(&objects).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_is_applied_to_the_cluster_changes_what_sidecars_do() {
    let (Some(etcd), Some(program)) = (given(Given::Etcd), given(Given::KubeApiserver)) else {
        return;
    };
    let mut cluster = Cluster::start(&etcd, &program).await;
    let mesh = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/demo/mesh");
    apply(&cluster, &read_folder(&mesh)).await;
    let kubeconfig = cluster.kubeconfig(ADMIN).into_os_string();
    let Some(demo) = Demo::start(Options::arguments(["--kubeconfig".into(), kubeconfig])).await else {
        return;
    };
    complete_graph(&demo).await;
    let before = split(&demo).await.expect("the graph answers");
    assert!(before.len() > 1, "the mesh's own rule splits: {before:?}");

    apply(&cluster, &route_to("v2")).await;
    until_all_to(&demo, "reviews-v2").await;
    apply(&cluster, &route_to("v3")).await;
    until_all_to(&demo, "reviews-v3").await;

    // A control plane whose cluster is away goes on with what it knows, and says so.
    cluster.stop().await;
    until_some("word about the API server", SOON, async || {
        let status: Status = demo.try_get("/api/v1/status").await?;
        let config = status.sources.iter().find(|source| source.kind == "config");
        let failing =
            config.is_some_and(|source| source.state == "degraded" && source.name.starts_with("kubernetes "));
        if failing {
            Ok(())
        } else {
            Err(format!("{config:?}"))
        }
    })
    .await;
    until_all_to(&demo, "reviews-v3").await;
    cluster.start_again().await;
    apply(&cluster, &route_to("v1")).await;
    until_all_to(&demo, "reviews-v1").await;
}
