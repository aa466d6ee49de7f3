//! Real Prometheus on the same targets, and the queries that give the same edges.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Answer, PERIOD, WINDOW, every_period};

/// Within this time it answers after its start.
const START: Duration = Duration::from_secs(20);

/// Labels that tell edges and answers apart; bucket bounds come on top.
const LABELS: &str = "reporter,source_cluster,source_workload_namespace,source_workload,source_canonical_service,\
    source_canonical_revision,source_principal,destination_cluster,destination_workload_namespace,\
    destination_workload,destination_canonical_service,destination_canonical_revision,destination_principal,\
    destination_service,destination_service_name,destination_service_namespace,request_protocol,\
    connection_security_policy,response_code,response_flags,grpc_response_status";

/// Everything that the graph shows: rates, latency, bytes, connections. The first tells the requests.
const FAMILIES: [&str; 8] = [
    "istio_requests_total",
    "istio_tcp_connections_opened_total",
    "istio_request_duration_milliseconds_bucket",
    "istio_request_duration_milliseconds_sum",
    "istio_request_bytes_sum",
    "istio_response_bytes_sum",
    "istio_tcp_sent_bytes_total",
    "istio_tcp_received_bytes_total",
];

/// Families by which edges are counted here.
const EDGES: usize = 2;

pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    last: Answer,
    _folder: TempDir,
}

impl Prometheus {
    pub(crate) fn start(program: &Path, targets: &[SocketAddr]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let targets: Vec<String> = targets.iter().map(|target| format!("\"{target}\"")).collect();
        let config = folder.path().join("prometheus.yml");
        fs::write(
            &config,
            format!(
                "global: {{scrape_interval: {0}s, scrape_timeout: {0}s}}\nscrape_configs:\n- job_name: mesh\n  \
                 metrics_path: /stats/prometheus\n  static_configs: [{{targets: [{1}]}}]\n",
                PERIOD.as_secs(),
                targets.join(", ")
            ),
        )?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = Command::new(program)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log"))?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let peer = Self {
            child,
            address,
            last: Answer::default(),
            _folder: folder,
        };
        let started = Instant::now();
        while get(peer.address, "/-/ready").is_err() {
            if started.elapsed() > START {
                bail!("Prometheus does not get ready within {} s", START.as_secs());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(peer)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn last(&self) -> Answer {
        self.last
    }

    /// Asks at every tick for this long.
    pub(crate) fn ask_for(&mut self, length: Duration) -> anyhow::Result<()> {
        every_period(length, || self.ask())
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        let (mut edges, mut requests) = (HashSet::new(), 0.0);
        for (number, family) in FAMILIES.iter().enumerate() {
            let le = if family.ends_with("_bucket") { ",le" } else { "" };
            let query = format!("sum by ({LABELS}{le}) (rate({family}[{}s]))", WINDOW.as_secs());
            let answer = get(
                self.address,
                &format!("/api/v1/query?query={}", query.replace(' ', "%20")),
            )?;
            if number >= EDGES {
                continue;
            }
            let answer: Value = serde_json::from_str(&answer).context("Prometheus answers in JSON")?;
            for group in answer["data"]["result"]
                .as_array()
                .context("Prometheus answers with groups")?
            {
                let of = |label: &str| group["metric"][label].as_str().unwrap_or_default().to_owned();
                edges.insert(["source_workload", "destination_workload", "request_protocol"].map(of));
                if number == 0 && of("reporter") == "source" {
                    let value = group["value"][1]
                        .as_str()
                        .and_then(|value| value.parse::<f64>().ok());
                    requests += value.context("a value is a number in quotes")?;
                }
            }
        }
        self.last = Answer {
            edges: edges.len(),
            requests,
            ticks: self.last.ticks + 1,
        };
        Ok(())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A GET in HTTP/1.0: the answer ends with the connection, and nothing is in pieces.
fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
    let status = head.lines().next().unwrap_or_default();
    if !status.contains(" 200 ") {
        bail!("GET {path}: {status}: {body}");
    }
    Ok(body.to_owned())
}
