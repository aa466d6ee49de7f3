//! Price of the graph from Prometheus: `cargo xtask bench prometheus`.
//!
//! P1: from the bytes of 100 000 rows to the graph, beside `JSON.parse` of node over the same bytes.
//! Beside it a million series, for time and memory.
//! P2: a cold graph over a real Prometheus with 42 000 series in 100 namespaces, beside the same queries alone, whose
//! answers nobody reads. Sides take turns. What the machine does not have (node, Prometheus) is left out, aloud.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark tells its figures, or why not"
)]

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    hint::black_box,
    io::Write as _,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::future::{join_all, try_join_all};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vigla_api::convert::{Include, write_graph};
use vigla_graph::{Grain, Graph, TrafficWindow, Unidentified, quotient};
use vigla_model::{Timestamp, Window};
use vigla_sources::{
    MetricSource,
    outbound::{Call, Outbound, OutboundSettings},
    prometheus::{Answer, MeshQuery, PrometheusSource, Scope, Table},
};

/// The console's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 9;
const BOUNDS: [&str; 8] = ["1", "5", "10", "25", "100", "500", "1000", "+Inf"];

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // First, since memory that others gave back is not counted again.
    million();
    rows();
    runtime.block_on(cold());
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

const SOURCE: [&str; 8] = [
    "source_workload",
    "source_workload_namespace",
    "source_app",
    "source_canonical_service",
    "source_canonical_revision",
    "source_version",
    "source_cluster",
    "source_principal",
];
const DESTINATION: [&str; 8] = [
    "destination_workload",
    "destination_workload_namespace",
    "destination_app",
    "destination_canonical_service",
    "destination_canonical_revision",
    "destination_version",
    "destination_cluster",
    "destination_principal",
];

/// Labels of an edge as Istio writes them.
fn labels(edge: usize, reporter: &str, protocol: &str, code: &str) -> BTreeMap<&'static str, String> {
    let (caller, callee) = (edge % 1000, (edge * 7 + edge / 1000 * 13 + 1) % 1000);
    let mut labels = BTreeMap::new();
    for (names, number) in [(SOURCE, caller), (DESTINATION, callee)] {
        let (workload, namespace) = (
            format!("workload-{number}"),
            format!("namespace-{}", number % 100),
        );
        let principal = format!("spiffe://cluster.local/ns/{namespace}/sa/{workload}");
        let values = [
            format!("{workload}-v1"),
            namespace,
            workload.clone(),
            workload,
            "v1".to_owned(),
            "v1".to_owned(),
            "Kubernetes".to_owned(),
            principal,
        ];
        labels.extend(names.into_iter().zip(values));
    }
    let host = format!("workload-{callee}.namespace-{}.svc.cluster.local", callee % 100);
    labels.extend([
        ("destination_service", host),
        ("destination_service_name", format!("workload-{callee}")),
        ("reporter", reporter.to_owned()),
        ("request_protocol", protocol.to_owned()),
        ("response_code", code.to_owned()),
        ("response_flags", "-".to_owned()),
        (
            "connection_security_policy",
            if reporter == "source" {
                "unknown"
            } else {
                "mutual_tls"
            }
            .to_owned(),
        ),
    ]);
    labels
}

/// The answers to all queries of a mesh, some 100 000 rows in all.
fn answers() -> Vec<(MeshQuery, String)> {
    const EDGES: usize = 4000;
    let mut count = 0;
    let answers = MeshQuery::ALL
        .into_iter()
        .map(|query| {
            let text = query.text(Window::MINUTE, &Scope::default());
            let kept = text.split_once("by (").unwrap().1.split_once(')').unwrap().0;
            let kept: Vec<&str> = kept.split(',').collect();
            let mut rows = Vec::new();
            for edge in 0..EDGES {
                if query.families().len() > 1 {
                    continue;
                }
                for reporter in ["source", "destination"] {
                    let mut all = labels(edge, reporter, "http", "200");
                    all.retain(|name, _| kept.contains(name));
                    let mut row = |more: Option<(&'static str, &str)>, value: f64| {
                        let mut all = all.clone();
                        all.extend(more.map(|(name, value)| (name, value.to_owned())));
                        let labels: Vec<String> = all
                            .iter()
                            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
                            .collect();
                        rows.push(format!(
                            "{{\"metric\":{{{}}},\"value\":[1795000000.123,\"{value}\"]}}",
                            labels.join(",")
                        ));
                    };
                    let rate = 0.1 + edge as f64 / 37.0;
                    match query {
                        MeshQuery::Buckets => {
                            for (i, bound) in BOUNDS.iter().enumerate() {
                                row(Some(("le", bound)), rate * (i + 1) as f64 / 8.0);
                            }
                        }
                        _ => row(None, rate),
                    }
                }
            }
            count += rows.len();
            let body = format!(
                "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{}]}}}}",
                rows.join(",")
            );
            (query, body)
        })
        .collect::<Vec<_>>();
    let bytes: usize = answers.iter().map(|(_, body)| body.len()).sum();
    println!("P1: {count} rows, {:.1} MB", bytes as f64 / 1e6);
    answers
}

fn read(answers: &[(MeshQuery, String)], table: &mut Table) -> TrafficWindow {
    for (query, body) in answers {
        let mut answer = Answer::new(*query);
        for piece in body.as_bytes().chunks(64 << 10) {
            answer.take(piece, table).unwrap();
        }
        answer.end().unwrap();
    }
    TrafficWindow {
        at: Timestamp(1_795_000_000_123),
        window: Duration::from_secs(60),
        rows: table.finish(),
    }
}

/// P1.
fn rows() {
    let answers = answers();
    let folder = tempfile::tempdir().unwrap();
    for (i, (_, body)) in answers.iter().enumerate() {
        fs::write(folder.path().join(format!("{i}.json")), body).unwrap();
    }
    let script = "const fs=require('fs');const d=process.argv[1];\
        const t=fs.readdirSync(d).map(f=>fs.readFileSync(d+'/'+f,'utf8'));\
        const s=process.hrtime.bigint();let n=0;for(const x of t)n+=JSON.parse(x).data.result.length;\
        console.log(Number(process.hrtime.bigint()-s)/1e6, n)";
    let node = || {
        let output = Command::new("node")
            .args(["-e", script])
            .arg(folder.path())
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let millis: f64 = text.split_whitespace().next()?.parse().ok()?;
        Some(Duration::from_secs_f64(millis / 1000.0))
    };
    let (mut decoding, mut whole, mut again, mut nodes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // Knows the labels of the round before, as the console's does.
    let mut warm = Table::default();
    read(&answers, &mut warm);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let mut table = Table::default();
        let window = read(&answers, &mut table);
        decoding.push(started.elapsed());
        black_box(Graph::build(&[window], &Unidentified));
        whole.push(started.elapsed());

        let started = Instant::now();
        let window = read(&answers, &mut warm);
        again.push(started.elapsed());
        black_box(window);
        nodes.extend(node());
    }
    let (decoding, whole, again) = (median(decoding), median(whole), median(again));
    println!(
        "P1: rows read {decoding:.0} ms (known labels: {again:.0} ms), graph built {whole:.0} ms (median of {ROUNDS})"
    );
    if nodes.is_empty() {
        println!("P1: skipped beside node, which is not here");
    } else {
        let node = median(nodes);
        println!(
            "P1: JSON.parse of the same bytes {node:.0} ms: ratio {:.2} (bar 0.5); known labels {:.2}",
            whole / node,
            (whole - decoding + again) / node,
        );
    }
}

/// A million series of 25 000 edges, as they arrive.
fn million() {
    const EDGES: usize = 25_000;
    let bounds: Vec<String> = (1..=20).map(|bound| (bound * bound).to_string()).collect();
    let kept = MeshQuery::Buckets.text(Window::MINUTE, &Scope::default());
    let kept = kept.split_once("by (").unwrap().1.split_once(')').unwrap().0;
    let kept: Vec<&str> = kept.split(',').collect();
    let mut table = Table::default();
    let mut answer = Answer::new(MeshQuery::Buckets);
    let (before, mut spent, mut bytes) = (resident(), Duration::ZERO, 0);
    let mut piece = r#"{"status":"success","data":{"resultType":"vector","result":["#.to_owned();
    for edge in 0..EDGES {
        for reporter in ["source", "destination"] {
            let labels: Vec<String> = labels(edge, reporter, "http", "200")
                .iter()
                .filter(|(name, _)| kept.contains(name))
                .map(|(name, value)| format!("\"{name}\":\"{value}\""))
                .collect();
            let labels = labels.join(",");
            for (i, bound) in bounds.iter().enumerate() {
                write!(
                    piece,
                    "{{\"metric\":{{\"le\":\"{bound}\",{labels}}},\"value\":[1795000000.123,\"{i}.25\"]}},"
                )
                .unwrap();
            }
        }
        if edge + 1 == EDGES {
            piece.pop();
            piece.push_str("]}}");
        }
        let started = Instant::now();
        answer.take(piece.as_bytes(), &mut table).unwrap();
        spent += started.elapsed();
        bytes += piece.len();
        piece.clear();
    }
    answer.end().unwrap();
    assert_eq!(table.series(), 40 * EDGES);
    println!(
        "a million series, {} MB: {} ms, {} MB of memory for {} rows",
        bytes / 1_000_000,
        spent.as_millis(),
        resident().saturating_sub(before) >> 10,
        table.finish().len(),
    );
}

/// Time that a process, `self` or by number, has spent on a core so far.
fn cpu_time(process: &str) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let nanos = threads.flatten().filter_map(|thread| {
        let stat = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// Memory of this process in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What the exporter has counted after some seconds: 42 000 series.
fn exposition(seconds: f64) -> String {
    let mut text = String::with_capacity(40 << 20);
    let mut line = |name: &str, labels: &BTreeMap<&'static str, String>, more: &str, value: f64| {
        text.push_str(name);
        text.push('{');
        for (name, value) in labels {
            write!(text, "{name}=\"{value}\",").unwrap();
        }
        writeln!(text, "{more}}} {value}").unwrap();
    };
    for edge in 0..2500 {
        let count = 100.0 + (seconds * (1 + edge % 50) as f64).floor();
        for reporter in ["source", "destination"] {
            if edge >= 2000 {
                let labels = labels(edge, reporter, "tcp", "0");
                line("istio_tcp_sent_bytes_total", &labels, "", count * 900.0);
                line("istio_tcp_received_bytes_total", &labels, "", count * 90.0);
                continue;
            }
            let labels = labels(edge, reporter, "http", "200");
            line("istio_requests_total", &labels, "", count);
            for (i, bound) in BOUNDS.iter().enumerate() {
                let below = (count * (i + 1) as f64 / 8.0).floor();
                line(
                    "istio_request_duration_milliseconds_bucket",
                    &labels,
                    &format!("le=\"{bound}\""),
                    below,
                );
            }
            line(
                "istio_request_duration_milliseconds_sum",
                &labels,
                "",
                count * 12.0,
            );
        }
    }
    text
}

async fn export() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let started = Instant::now();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            while stream.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                let body = exposition(started.elapsed().as_secs_f64());
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                if stream.write_all((head + &body).as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    address
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// P2.
async fn cold() {
    let target = export().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 10s}}\nscrape_configs: [{{job_name: mesh, static_configs: [{{targets: [\"{target}\"]}}]}}]\n"
    );
    fs::write(&config, text).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let program = env::var_os("VIGLA_PROMETHEUS").unwrap_or("prometheus".into());
    let started = Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = started else {
        println!("P2: skipped, there is no Prometheus here");
        return;
    };
    let running = Running(child);
    // Time on a core of both programs: what else runs on the machine does not count.
    let spent = || cpu_time("self") + cpu_time(&running.0.id().to_string());
    let url = format!("http://{port}/").parse().unwrap();
    let outbound = Outbound::new(OutboundSettings::new("Prometheus", url)).unwrap();
    let source = PrometheusSource::new(outbound.clone(), BTreeMap::new());
    print!("P2: waiting for three scrapes");
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        print!(".");
        std::io::stdout().flush().unwrap();
        let call =
            Call::get("api/v1/query").with("query", "count(count_over_time(istio_requests_total[2m]) >= 3)");
        if outbound
            .fetch(call)
            .await
            .is_ok_and(|body| body.windows(7).any(|part| part == b"\"4000\"]"))
        {
            println!();
            break;
        }
    }
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(since.as_millis()).unwrap())
    };
    let ask_alone = async || {
        let at = now();
        let (started, before) = (Instant::now(), spent());
        let calls = MeshQuery::ALL.map(|query| {
            let call = Call::post("api/v1/query")
                .with("query", query.text(Window::MINUTE, &Scope::default()))
                .with(
                    "time",
                    format!("{}.{:03}", at.millis() / 1000, at.millis() % 1000),
                );
            outbound.stream(call, |_| Ok(()))
        });
        try_join_all(calls).await.unwrap();
        (started.elapsed(), spent() - before)
    };
    let (mut alone, mut ours, mut after, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..ROUNDS {
        // Neither side always comes first: a store is slower just after it has worked.
        if round % 2 == 0 {
            alone.push(ask_alone().await);
        }
        // A source that knows no label yet.
        let source = PrometheusSource::new(outbound.clone(), BTreeMap::new());
        let (started, before) = (Instant::now(), spent());
        let window = source.traffic(Window::MINUTE, Some(now())).await.unwrap();
        let answered = started.elapsed();
        let view = quotient(
            &Graph::build(&[window], &Unidentified).into_view(),
            Grain::Workload,
        );
        let body = serde_json::to_vec(&write_graph(&view, "1", Include::default(), Vec::new())).unwrap();
        ours.push((started.elapsed(), spent() - before));
        after.push(started.elapsed() - answered);
        bytes = compressed(&body);
        assert_eq!((view.nodes.len(), view.edges.len()), (1000, 2500));
        if round % 2 == 1 {
            alone.push(ask_alone().await);
        }
    }
    let ratios = |of: fn(&(Duration, Duration)) -> Duration| {
        let both = ours.iter().zip(&alone);
        let mut ratios: Vec<f64> = both
            .map(|(ours, alone)| of(ours).as_secs_f64() / of(alone).as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        format!(
            "{:.2} (rounds {:.2} to {:.2})",
            ratios[ROUNDS / 2],
            ratios[0],
            ratios[ROUNDS - 1]
        )
    };
    let (by_clock, by_cpu) = (ratios(|(clock, _)| *clock), ratios(|(_, cpu)| *cpu));
    let shared = join_all(
        (0..20).map(|_| source.traffic(Window::MINUTE, Some(Timestamp(now().millis() / 1000 * 1000)))),
    )
    .await;
    assert!(shared.iter().all(Result::is_ok));
    let clock = |times: &[(Duration, Duration)]| median(times.iter().map(|(clock, _)| *clock).collect());
    println!(
        "P2: queries alone {:.0} ms, cold graph {:.0} ms, of it {:.0} ms after the last answer",
        clock(&alone),
        clock(&ours),
        median(after)
    );
    println!("P2: ratio by the clock {by_clock}, by time on a core of both programs {by_cpu} (bar 1.15)");
    println!(
        "P2: {} queries (bar 12); answer {} KB by brotli 5 (bar 600)",
        MeshQuery::ALL.len(),
        bytes / 1000
    );
}

fn compressed(body: &[u8]) -> usize {
    let mut out = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 5,
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &body[..], &mut out, &parameters).unwrap();
    out.len()
}
