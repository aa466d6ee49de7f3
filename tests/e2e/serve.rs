//! `vigla serve` over a real API server, a real Prometheus and a real Jaeger: the demo's own map, its traces and its
//! config; and what is seen when one of them goes and comes back.

use std::{collections::BTreeSet, fs, time::Duration};

use vigla_api::{ConfigItem, Graph, Page, SourceStatus, TraceDetail, TraceList};
use vigla_config::{Object, read_objects};
use vigla_testing::peers::{ADMIN, Cluster, Jaeger};
use vigla_tests::{
    Demo, EdgeExt, Given, GraphExt, Options, Prometheus, Served, complete_graph, given, read_folder,
    until_some,
};

/// Within this window nothing is left of the demo's start.
const QUERY: &str = "view=workload&window=30s";
/// A source that went shows it within one look at it; those at Jaeger are 10 s apart.
const SEEN: Duration = Duration::from_secs(20);
/// What is promised: fresh within one refresh after the return, and what a busy machine adds.
const BACK: Duration = Duration::from_secs(20);

/// Edges by name, callers without certificate by our guess, with answers and share of encrypted requests.
fn shape(graph: &Graph) -> Vec<String> {
    let line = |(name, edge): (String, &vigla_api::Edge)| {
        let codes: Vec<String> = edge.responses().into_keys().collect();
        format!("{name} {codes:?} {:?}", edge.mtls_share)
    };
    graph.edges_by_name().into_iter().map(line).collect()
}

/// Everything at once, as the done-when of the issue has it.
struct World {
    demo: Demo,
    cluster: Cluster,
    prometheus: Prometheus,
    jaeger: Jaeger,
    served: Served,
}

impl World {
    /// `None` where one of the programs is missing.
    async fn start() -> Option<Self> {
        let programs = (given(Given::Etcd)?, given(Given::KubeApiserver)?);
        let jaeger = given(Given::Jaeger)?;
        given(Given::Prometheus)?;
        let jaeger = Jaeger::start(&jaeger).await;
        let cluster = Cluster::start(&programs.0, &programs.1).await;
        let collector = jaeger.otlp_grpc().to_string();
        let demo = Demo::start(Options::arguments(["--collector", &collector])).await?;
        complete_graph(&demo).await;
        let run = demo.run_dir();
        // The mesh's objects and what runs, as the demo has them on disk.
        for folder in ["mesh", "overlay", "running"] {
            let objects = read_folder(&run.join(folder));
            let objects: Vec<&Object> = objects.iter().map(AsRef::as_ref).collect();
            cluster.apply(&objects).await;
        }
        let prometheus = Prometheus::start(&run.join("prometheus.yml")).await?;
        let settings = run.join("vigla.yaml");
        let text = format!(
            "mesh: {{name: demo, cluster: demo}}\nkubernetes: {{kubeconfig: \"{}\"}}\n\
             metrics: {{prometheus: {{url: \"{}\", refresh: 2s}}}}\ntraces: {{jaeger: {{url: \"http://{}/\"}}}}\n",
            cluster.kubeconfig(ADMIN).display(),
            prometheus.address(),
            jaeger.query(),
        );
        fs::write(&settings, text).expect("the run directory can be written");
        let served = Served::start(&settings)?;
        Some(Self {
            demo,
            cluster,
            prometheus,
            jaeger,
            served,
        })
    }

    /// The demo's own map from the three sources.
    async fn check_map(&self) {
        until_some("map that is the demo's", Duration::from_secs(60), async || {
            let ours = shape(&self.demo.graph(QUERY).await?);
            let theirs = shape(&self.served.graph(QUERY).await?);
            if ours == theirs {
                Ok(())
            } else {
                Err(format!("{ours:#?}\nbut served\n{theirs:#?}"))
            }
        })
        .await;
    }

    async fn traces(&self) -> Result<TraceList, String> {
        let list: TraceList = self
            .served
            .try_get("/api/v1/traces?service=productpage.bookinfo&window=10m")
            .await?;
        if list.items.is_empty() {
            Err("no traces yet".to_owned())
        } else {
            Ok(list)
        }
    }

    /// A page of the demo with the spans of all its sidecars.
    async fn check_traces(&self) {
        until_some("trace over several workloads", BACK, async || {
            let list = self.traces().await?;
            assert_eq!(list.degraded, []);
            let long = list.items.iter().max_by_key(|item| item.spans).ok_or("none")?;
            let trace: TraceDetail = self
                .served
                .try_get(&format!("/api/v1/traces/{}", long.id))
                .await?;
            let workloads: BTreeSet<String> = trace
                .all
                .iter()
                .filter_map(|span| span.workload.clone())
                .collect();
            let expect = ["details-v1", "istio-ingressgateway", "productpage-v1"];
            let complete = expect.iter().all(|name| workloads.contains(*name));
            if complete {
                Ok(())
            } else {
                Err(format!("{workloads:?}"))
            }
        })
        .await;
    }

    /// Objects of one kind, as the served console has them from the cluster.
    async fn config(&self, kind: &str) -> Result<Vec<String>, String> {
        let page: Page<ConfigItem> = self
            .served
            .try_get(&format!("/api/v1/config?kind={kind}&limit=500"))
            .await?;
        Ok(page
            .items
            .iter()
            .map(|item| format!("{}/{}", item.object.namespace, item.object.name))
            .collect())
    }

    async fn until_state(&self, kind: &str, state: &str, within: Duration) -> SourceStatus {
        until_some(&format!("{kind} that are {state}"), within, async || {
            let source = self.served.source(kind).await?;
            if source.state == state {
                Ok(source)
            } else {
                Err(format!("{source:?}"))
            }
        })
        .await
    }

    /// A source that went tells why and since when, and how old what is shown is.
    async fn check_away(&self, kind: &str, state: &str) {
        let source = self.until_state(kind, state, SEEN).await;
        assert!(
            source.last_error.is_some() && source.failing_since.is_some(),
            "{source:?}"
        );
        assert!(source.age_seconds.is_some(), "{source:?}");
        assert!(source.name != kind, "it has a name: {source:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_prometheus_and_jaeger_show_the_demo_and_each_may_go_and_come_back() {
    let Some(mut world) = World::start().await else {
        return;
    };
    // The start of the demo, with its first failures, must be out of both windows.
    tokio::time::sleep(Duration::from_secs(35)).await;
    world.check_map().await;
    world.check_traces().await;
    for kind in ["VirtualService", "DestinationRule", "Service", "Deployment"] {
        let ours: Page<ConfigItem> = world
            .demo
            .get(&format!("/api/v1/config?kind={kind}&limit=500"))
            .await;
        let ours: Vec<String> = ours
            .items
            .iter()
            .map(|item| format!("{}/{}", item.object.namespace, item.object.name))
            .collect();
        let theirs = world.config(kind).await.expect("the console answers");
        assert!(
            ours.iter().all(|name| theirs.contains(name)),
            "{kind}: {ours:?} and {theirs:?}"
        );
    }
    for kind in ["metrics", "traces", "config"] {
        world.until_state(kind, "ok", SEEN).await;
    }

    world.prometheus.stop();
    world.check_away("metrics", "failing").await;
    let graph = world.served.graph(QUERY).await.expect("the last good map stays");
    assert!(!graph.edges.is_empty());
    assert!(
        graph.degraded.iter().any(|part| part.source == "Prometheus"),
        "{:?}",
        graph.degraded
    );
    world.prometheus.start_again().await;
    world.until_state("metrics", "ok", BACK).await;

    let before = world.traces().await.expect("traces are there");
    world.jaeger.stop().await;
    world.check_away("traces", "failing").await;
    let after = world.traces().await.expect("the last good traces stay");
    assert_eq!(after.items, before.items);
    assert_eq!(after.degraded.len(), 1, "{:?}", after.degraded);
    assert_eq!(after.degraded[0].source, "Jaeger");
    world.jaeger.start_again().await;
    world.until_state("traces", "ok", BACK).await;
    world.check_traces().await;

    world.cluster.stop().await;
    world.check_away("config", "degraded").await;
    assert!(
        !world
            .config("VirtualService")
            .await
            .expect("config stays")
            .is_empty()
    );
    world.cluster.start_again().await;
    world.until_state("config", "ok", BACK).await;
    let late = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: late, namespace: bookinfo}\n\
                spec: {hosts: [late.example], http: [{route: [{destination: {host: details}}]}]}\n";
    let late = read_objects("late.yaml", late);
    world.cluster.apply(&[&*late.objects[0]]).await;
    until_some(
        "rule that came after the return",
        Duration::from_secs(5),
        async || {
            let rules = world.config("VirtualService").await?;
            if rules.contains(&"bookinfo/late".to_owned()) {
                Ok(())
            } else {
                Err(format!("{rules:?}"))
            }
        },
    )
    .await;
    world.check_map().await;
}
