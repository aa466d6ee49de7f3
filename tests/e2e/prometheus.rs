//! `vigla serve` over a demo's folders and a real Prometheus that scrapes its sidecars: the same map as the demo's own.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use vigla_api::Graph;
use vigla_tests::{Demo, EdgeExt, Given, GraphExt, Prometheus, complete_graph, given, until_some};

/// `vigla serve` as a child process.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(settings: &Path) -> Option<Self> {
        let mut child = Command::new(given(Given::Vigla)?)
            .args(["serve", "--port", "0", "--settings"])
            .arg(settings)
            .stdout(Stdio::piped())
            .spawn()
            .expect("vigla starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it tells where it is");
        let address = line
            .trim()
            .strip_prefix("Vigla is at ")
            .expect("it tells where it is")
            .to_owned();
        Some(Self { child, address })
    }

    async fn graph(&self, query: &str) -> Result<Graph, String> {
        let url = format!("{}api/v1/graph?{query}", self.address);
        let answer = reqwest::get(url).await.map_err(|error| error.to_string())?;
        answer.json().await.map_err(|error| error.to_string())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The run directory: the one below the runtime folder that holds our configuration.
fn run_dir(runtime: &Path) -> PathBuf {
    let mut folders = vec![runtime.to_owned()];
    while let Some(folder) = folders.pop() {
        if folder.join("prometheus.yml").is_file() {
            return folder;
        }
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        folders.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    panic!("the demo has written no prometheus.yml");
}

/// Edges by name with their answers and share of encrypted requests. Who a caller without certificate may be is left
/// out: that is guessed by the addresses of running instances, and a folder of YAML knows none.
fn shape(graph: &Graph) -> Vec<String> {
    let edges = graph.edges_by_name().into_iter();
    let lines = edges.map(|(name, edge)| {
        let codes: Vec<String> = edge
            .responses()
            .into_keys()
            .map(|key| format!("{key:?}"))
            .collect();
        let name = match name.split_once(" (") {
            Some((unknown, rest)) => {
                format!("{unknown}{}", rest.split_once("?)").map_or("", |(_, rest)| rest))
            }
            None => name,
        };
        format!("{name} {codes:?} {:?}", edge.mtls_share)
    });
    lines.collect()
}

#[tokio::test]
async fn prometheus_shows_the_map_that_the_demo_shows() {
    if given(Given::Prometheus).is_none() {
        return;
    }
    let Some(demo) = Demo::with(&[]).await else { return };
    complete_graph(&demo).await;
    let run = run_dir(demo.runtime());
    let Some(prometheus) = Prometheus::start(&run.join("prometheus.yml")).await else {
        return;
    };
    let settings = run.join("vigla.yaml");
    let text = format!(
        "mesh: {{name: demo, cluster: demo}}\nconfig: {{folders: [mesh, overlay]}}\n\
         metrics: {{prometheus: {{url: \"{}\", refresh: 2s}}}}\n",
        prometheus.address()
    );
    fs::write(&settings, text).expect("the run directory can be written");
    let Some(served) = Served::start(&settings) else {
        return;
    };
    // The start of the demo, with its first failures, must be out of both windows.
    tokio::time::sleep(Duration::from_secs(35)).await;
    let query = "view=workload&window=30s";
    until_some("map that is the same", Duration::from_secs(60), async || {
        let ours = demo.graph(query).await.map_err(|error| error.to_string())?;
        let theirs = served.graph(query).await?;
        let (one, two) = (shape(&ours), shape(&theirs));
        if one != two {
            return Err(format!("{one:#?}\nbut by Prometheus\n{two:#?}"));
        }
        for ((name, one), (_, two)) in ours.edges_by_name().iter().zip(theirs.edges_by_name()) {
            let rate = |edge: &vigla_api::Edge| edge.traffic.requests_per_second.unwrap_or(0.0);
            let (one, two) = (rate(one), rate(two));
            if (one - two).abs() > 0.05 * one.max(two) + 0.05 {
                return Err(format!("{name}: {one} and {two} requests a second"));
            }
        }
        Ok(())
    })
    .await;
}
