//! A scenario is on the map within ten seconds, explained by object and line, and undone to the byte.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use vigla_api::{Edge, Graph, Why};
use vigla_tests::{Demo, EdgeExt, Expectation, GraphExt, MESH_EDGES, complete_graph, until_some};

/// From the change to the map.
const SOON: Duration = Duration::from_secs(10);

/// Within this window nothing is left of what was before a scenario or its end.
const QUERY: &str = "view=workload&window=5s";

#[tokio::test]
async fn a_route_to_a_missing_subset_is_explained_and_undone() {
    let Some(demo) = Demo::with(&[]).await else { return };
    check_broken_subset(&demo).await;
}

#[tokio::test]
async fn a_refused_caller_is_explained_and_undone() {
    let Some(demo) = Demo::with(&[]).await else { return };
    check_mtls_strict(&demo).await;
}

/// `broken-subset`, whatever the proxies are.
pub(crate) async fn check_broken_subset(demo: &Demo) {
    let expected = Expectation::of("broken-subset");
    complete_graph(demo).await;
    let before = Config::read(demo).await;

    let applied = change(demo, "POST", "broken-subset").await;
    assert_eq!(applied["step"], 1, "{applied}");
    let again = change(demo, "POST", "broken-subset").await;
    assert_eq!(
        again["revision"], applied["revision"],
        "the same again changes nothing"
    );
    assert_ne!(Config::read(demo).await, before);

    let source = expected.text("edge.source");
    let answer = format!("{} {}", expected.text("code"), expected.text("flags"));
    let (edge, why) = until_some("failing edge with its reason", SOON, async || {
        let graph = demo.graph(QUERY).await?;
        let names = graph.names();
        let edges = graph
            .edges
            .iter()
            .filter(|edge| names[edge.source.as_str()].0 == source);
        let failing: Vec<&Edge> = edges
            .filter(|edge| edge.responses().contains_key(&answer))
            .collect();
        let Some(edge) = failing.first() else {
            return Err(format!("no {answer} in {}", outline(&graph)));
        };
        let why = find_why(edge, &expected).ok_or_else(|| format!("{:?}", edge.why))?;
        Ok(((*edge).clone(), why))
    })
    .await;
    assert_explains(&why, &expected);
    assert_eq!(
        edge.service.as_deref(),
        Some(expected.text("edge.service").as_str())
    );
    let share = settled_share(demo, &source, &expected).await;
    assert!(
        (share - expected.number("share")).abs() < 0.05,
        "{share} of the requests fail"
    );

    change(demo, "DELETE", "broken-subset").await;
    assert_eq!(Config::read(demo).await, before, "undo restores every byte");
    until_some("map without failures", SOON, async || {
        let graph = demo.graph(QUERY).await?;
        let failing = graph
            .edges
            .iter()
            .find(|edge| edge.responses().contains_key(&answer));
        failing.map_or(Ok(()), |edge| Err(format!("{:?}", edge.responses())))
    })
    .await;
}

/// `mtls-strict`, whatever the proxies are.
pub(crate) async fn check_mtls_strict(demo: &Demo) {
    let expected = Expectation::of("mtls-strict");
    let caller = format!("unknown ({}?)", expected.text("refused.caller"));
    complete_graph(demo).await;
    let before = Config::read(demo).await;

    change(demo, "POST", "mtls-strict").await;
    for workload in expected.texts("refused.workloads") {
        let why = until_some("refused calls with their reason", SOON, async || {
            let graph = demo.graph(QUERY).await?;
            let edges = graph.edges_between(&caller, &workload);
            let refused = edges
                .iter()
                .find(|edge| edge.refused_per_second.is_some_and(|rate| rate > 0.0));
            let edge = refused.ok_or_else(|| outline(&graph))?;
            find_why(edge, &expected).ok_or_else(|| format!("{:?}", edge.why))
        })
        .await;
        assert_explains(&why, &expected);
    }
    let graph = demo.graph(QUERY).await.expect("the graph answers");
    let edges = graph.edges_by_name();
    for name in MESH_EDGES {
        let edge = edges.get(name).unwrap_or_else(|| panic!("{name} is gone"));
        assert_eq!(edge.mtls_share, Some(1.0), "{name}");
        assert!(
            edge.responses().keys().all(|answer| answer.starts_with('2')),
            "{name}: {:?}",
            edge.responses()
        );
    }

    change(demo, "DELETE", "mtls-strict").await;
    assert_eq!(Config::read(demo).await, before, "undo restores every byte");
    until_some("calls that are let in again", SOON, async || {
        let graph = demo.graph(QUERY).await?;
        let edges = graph.edges_between(&caller, "bookinfo/productpage-v1");
        let good = edges
            .iter()
            .any(|edge| edge.rate() > 0.0 && edge.refused_per_second.is_none());
        if good { Ok(()) } else { Err(format!("{edges:?}")) }
    })
    .await;
}

/// The graph in a few lines: names of the edges, their answers, what was refused.
fn outline(graph: &Graph) -> String {
    let edges = graph.edges_by_name().into_iter();
    let lines = edges.map(|(name, edge)| {
        let refused = edge
            .refused_per_second
            .map(|rate| format!(", {rate} refused"))
            .unwrap_or_default();
        format!("{name}: {:?}{refused}", edge.responses())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The reason whose words, object and field are those of the expectation.
fn find_why(edge: &Edge, expected: &Expectation) -> Option<Why> {
    let (kind, name) = object(expected);
    let fits = |why: &&Why| {
        why.object
            .as_ref()
            .is_some_and(|object| object.kind == kind && object.name == name)
    };
    edge.why.iter().find(fits).cloned()
}

fn object(expected: &Expectation) -> (String, String) {
    let text = expected.text("object");
    let (kind, name) = text.split_once(' ').expect("an object is `KIND NAMESPACE/NAME`");
    (
        kind.to_owned(),
        name.rsplit('/').next().unwrap_or(name).to_owned(),
    )
}

fn assert_explains(why: &Why, expected: &Expectation) {
    for word in expected.texts("words") {
        assert!(
            why.message.contains(&word),
            "`{}` does not say {word}",
            why.message
        );
    }
    let place = why.place.as_ref().expect("the reason has a place");
    assert_eq!(place.path, expected.text("field"));
    assert!(
        place
            .file
            .as_deref()
            .is_some_and(|file| file.ends_with(&expected.text("file"))),
        "{place:?}"
    );
    assert!(place.line.is_some_and(|line| line > 1), "{place:?}");
}

/// The share of a service's requests that fail, counted once the window holds nothing from before.
async fn settled_share(demo: &Demo, source: &str, expected: &Expectation) -> f64 {
    tokio::time::sleep(Duration::from_secs(22)).await;
    let graph = demo
        .graph("view=workload&window=20s")
        .await
        .expect("the graph answers");
    let names = graph.names();
    let service = expected.text("edge.service");
    let edges = graph.edges.iter().filter(|edge| {
        names[edge.source.as_str()].0 == source && edge.service.as_deref() == Some(service.as_str())
    });
    let (mut failed, mut all) = (0.0, 0.0);
    for edge in edges {
        all += edge.rate();
        let code = expected.text("code");
        failed += edge
            .responses()
            .iter()
            .filter(|(answer, _)| answer.starts_with(&code))
            .map(|(_, rate)| rate)
            .sum::<f64>();
    }
    failed / all
}

async fn change(demo: &Demo, method: &str, scenario: &str) -> Value {
    let url = format!("{}/api/v1/scenarios/{scenario}", demo.address());
    let method = method.parse().expect("a method of HTTP");
    let answer = demo
        .client
        .request(method, url)
        .send()
        .await
        .expect("the console answers");
    let status = answer.status();
    let body: Value = answer.json().await.expect("the body is JSON");
    assert!(status.is_success(), "{status}: {body}");
    body
}

/// The mesh's config as files and as the API tells it.
#[derive(Debug, PartialEq)]
struct Config {
    files: BTreeMap<PathBuf, Vec<u8>>,
    objects: Value,
}

impl Config {
    async fn read(demo: &Demo) -> Self {
        let mut files = BTreeMap::new();
        read_yaml(demo.runtime(), &mut files);
        assert!(!files.is_empty(), "the run directory holds the mesh's YAML");
        let mut objects: Value = demo.get("/api/v1/config").await;
        let items = objects["items"].take();
        Self {
            files,
            objects: items,
        }
    }
}

fn read_yaml(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_yaml(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.insert(path.clone(), fs::read(&path).expect("the file is still there"));
        }
    }
}
