//! A mesh's sidecars as a scraper sees them: the same series for everybody, counters that grow with time.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Instant,
};

use vigla_model::ISTIO_BOUNDS_MS;

const TARGETS: usize = 16;
/// Edges with 25 series from each of both reporters.
const HTTP_EDGES: usize = 392;
/// Edges with 3 series from each of both reporters.
const TCP_EDGES: usize = 70;

/// A series: its line up to the value, and how fast it grows.
struct Series {
    head: String,
    /// Per second. A third of the edges stands still.
    rate: f64,
    start: f64,
}

/// Starts serving; gives the targets and the number of their series.
pub(crate) fn start() -> anyhow::Result<(Vec<SocketAddr>, usize)> {
    let started = Instant::now();
    let (mut targets, mut count) = (Vec::new(), 0);
    for target in 0..TARGETS {
        let series = Arc::new(series_of(target));
        count += series.len();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        targets.push(listener.local_addr()?);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let series = Arc::clone(&series);
                // A scraper that hangs up is its own affair.
                thread::spawn(move || serve(stream, &series, started).ok());
            }
        });
    }
    Ok((targets, count))
}

/// Answers on one connection until the scraper ends it.
fn serve(stream: TcpStream, series: &[Series], started: Instant) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    let (mut line, mut body) = (String::new(), String::new());
    loop {
        // A GET ends with its headers.
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim_end().is_empty() {
                break;
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        body.clear();
        for series in series {
            let value = (series.start + series.rate * seconds).floor();
            writeln!(body, "{} {value}", series.head).expect("memory is there");
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
    }
}

/// What the sidecar with this number counts: every target has a share of the callers' and of the callees' series.
fn series_of(target: usize) -> Vec<Series> {
    let mut series = Vec::new();
    for edge in (0..HTTP_EDGES).filter(|edge| edge % TARGETS == target) {
        http(edge, "source", &mut series);
    }
    for edge in (0..HTTP_EDGES).filter(|edge| (edge + 5) % TARGETS == target) {
        http(edge, "destination", &mut series);
    }
    for edge in (0..TCP_EDGES).filter(|edge| edge % TARGETS == target) {
        tcp(edge, "source", &mut series);
    }
    for edge in (0..TCP_EDGES).filter(|edge| (edge + 5) % TARGETS == target) {
        tcp(edge, "destination", &mut series);
    }
    series
}

/// The labels that tell an edge, as Istio writes them.
fn labels(reporter: &str, caller: usize, callee: &str, callee_namespace: usize, protocol: &str) -> String {
    let peer = |side: &str, name: &str, namespace: usize| {
        format!(
            "{side}_workload=\"{name}-v1\",{side}_workload_namespace=\"ns{namespace}\",{side}_canonical_service=\"{name}\",\
             {side}_canonical_revision=\"v1\",{side}_app=\"{name}\",{side}_version=\"v1\",{side}_cluster=\"demo\",\
             {side}_principal=\"spiffe://cluster.local/ns/ns{namespace}/sa/{name}\""
        )
    };
    let security = if reporter == "source" {
        "unknown"
    } else {
        "mutual_tls"
    };
    format!(
        "reporter=\"{reporter}\",{},{},destination_service=\"{callee}.ns{callee_namespace}.svc.cluster.local\",\
         destination_service_name=\"{callee}\",destination_service_namespace=\"ns{callee_namespace}\",\
         request_protocol=\"{protocol}\",connection_security_policy=\"{security}\"",
        peer("source", &format!("wl-{caller}"), caller % 20),
        peer("destination", callee, callee_namespace),
    )
}

fn http(edge: usize, reporter: &str, all: &mut Vec<Series>) {
    let (caller, callee) = (edge % 100, (edge * 7 + edge / 100 * 13 + 1) % 100);
    let labels = labels(reporter, caller, &format!("wl-{callee}"), callee % 20, "http");
    let rate = if edge.is_multiple_of(3) {
        0.0
    } else {
        (edge % 50) as f64
    };
    let mut add = |family: &str, code: u16, le: Option<String>, share: f64| {
        let flags = if code == 200 { "-" } else { "UF" };
        let le = le.map_or_else(String::new, |le| format!(",le=\"{le}\""));
        all.push(Series {
            head: format!(
                "{family}{{{labels},grpc_response_status=\"\",response_code=\"{code}\",response_flags=\"{flags}\"{le}}}"
            ),
            rate: rate * share,
            start: 1000.0 * share,
        });
    };
    add("istio_requests_total", 200, None, 1.0);
    add("istio_requests_total", 503, None, 1.0 / 37.0);
    let bounds = ISTIO_BOUNDS_MS
        .iter()
        .map(ToString::to_string)
        .chain(["+Inf".to_owned()]);
    for (index, bound) in bounds.enumerate() {
        let below = 1.0 - (-(index as f64) / (2.0 + (edge % 7) as f64)).exp();
        let share = if bound == "+Inf" { 1.0 } else { below };
        add(
            "istio_request_duration_milliseconds_bucket",
            200,
            Some(bound),
            share,
        );
    }
    add("istio_request_duration_milliseconds_sum", 200, None, 12.345);
    add("istio_request_bytes_sum", 200, None, 321.0);
    add("istio_response_bytes_sum", 200, None, 4321.0);
}

fn tcp(edge: usize, reporter: &str, all: &mut Vec<Series>) {
    let labels = labels(reporter, edge, &format!("db-{}", edge % 10), edge % 10, "tcp");
    for (family, rate) in [
        ("istio_tcp_connections_opened_total", 1.0),
        ("istio_tcp_sent_bytes_total", 5000.0),
        ("istio_tcp_received_bytes_total", 700.0),
    ] {
        all.push(Series {
            head: format!("{family}{{{labels},response_flags=\"-\"}}"),
            rate: rate * (edge % 7) as f64,
            start: 10.0,
        });
    }
}
