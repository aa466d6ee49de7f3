use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::traces::contract;

mod real;

/// What a prepared server does with a request.
#[derive(Debug, Clone)]
enum Act {
    Answer(u16, &'static str, Vec<u8>),
    Raw(Vec<u8>),
    /// One byte each 20 ms, for ever.
    Drip,
    Silence,
}

fn json(body: &str) -> Act {
    Act::Answer(200, "application/json", body.into())
}

/// A server that does with every path what `act` says.
async fn serve(listener: TcpListener, act: impl Fn(String) -> Act + Send + Sync + 'static) -> JoinHandle<()> {
    let act = Arc::new(act);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let act = act.clone();
            tokio::spawn(async move { serve_one(stream, &*act).await });
        }
    })
}

async fn serve_one(mut stream: TcpStream, act: &(dyn Fn(String) -> Act + Send + Sync)) -> Option<()> {
    let path = read_path(&mut stream).await?;
    match act(path) {
        Act::Answer(status, kind, body) => answer(&mut stream, status, kind, &body).await,
        Act::Raw(bytes) => stream.write_all(&bytes).await.ok()?,
        Act::Drip => loop {
            stream.write_all(b"H").await.ok()?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        },
        Act::Silence => std::future::pending().await,
    }
    Some(())
}

async fn read_path(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        stream.read_buf(&mut head).await.ok().filter(|read| *read > 0)?;
    }
    let head = String::from_utf8(head).ok()?;
    Some(head.split(' ').nth(1)?.to_owned())
}

async fn answer(stream: &mut TcpStream, status: u16, kind: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body).await;
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn source(address: SocketAddr, deadline: Duration) -> JaegerSource {
    let url = format!("http://{address}/").parse().unwrap();
    let settings = OutboundSettings {
        deadline,
        body: 1 << 20,
        ..JaegerSource::settings(url)
    };
    JaegerSource::new(Outbound::new(settings).unwrap())
}

const SOON: Duration = Duration::from_millis(300);

/// One answer of real Jaeger.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
struct Recorded {
    status: u16,
    kind: String,
    body: String,
}

type Recording = BTreeMap<String, Recorded>;

fn recording(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/jaeger/recorded/{name}.json"))
}

async fn replay(name: &str) -> JaegerSource {
    let text = std::fs::read(recording(name)).unwrap();
    let recording: Recording = serde_json::from_slice(&text).unwrap();
    let (listener, address) = listener().await;
    serve(listener, move |path| match recording.get(&path) {
        Some(answer) => {
            let kind = if answer.kind.contains("html") {
                "text/html"
            } else {
                "application/json"
            };
            Act::Answer(answer.status, kind, answer.body.clone().into())
        }
        None => panic!("Jaeger was not asked this when it was recorded: {path}"),
    })
    .await;
    source(address, Duration::from_secs(20))
}

#[tokio::test]
async fn jaeger_by_its_api_v3_does_what_every_trace_source_does() {
    contract::check(&replay("v3").await).await;
}

#[tokio::test]
async fn jaeger_by_its_older_api_does_what_every_trace_source_does() {
    contract::check(&replay("legacy").await).await;
}

#[tokio::test]
async fn every_kind_of_trouble_is_told_apart_and_soon() {
    let html = || Act::Answer(200, "text/html", "<html><title>Log in</title>".into());
    let of = |status| Act::Answer(status, "text/plain", "no".into());
    let large = format!("{{\"services\": [\"{}\"]}}", "x".repeat(2 << 20));
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"services\": [";
    let cases = [
        (
            "black-holed",
            Act::Silence,
            "Unavailable",
            "no whole answer within 0.3 s",
        ),
        ("slow by bytes", Act::Drip, "Unavailable", "no whole answer"),
        ("HTML", html(), "Malformed", "a page of HTML"),
        ("truncated", Act::Raw(half.into()), "Unavailable", "broke off"),
        ("half JSON", json("{\"services\": ["), "Malformed", "EOF"),
        (
            "another JSON",
            json("{\"status\": \"success\"}"),
            "Malformed",
            "services",
        ),
        (
            "error in success",
            json("{\"error\": {\"message\": \"x\"}}"),
            "Malformed",
            "services",
        ),
        ("401", of(401), "Denied", "401"),
        ("403", of(403), "Denied", "403"),
        ("404", of(404), "Malformed", "query service"),
        ("429", of(429), "TooMuch", "429"),
        ("503", of(503), "Unavailable", "503"),
        (
            "redirected",
            Act::Raw(
                b"HTTP/1.1 302 Found\r\nlocation: http://elsewhere/\r\ncontent-length: 0\r\n\r\n".into(),
            ),
            "Malformed",
            "elsewhere",
        ),
        ("huge", json(&large), "TooMuch", "larger than 1 MB"),
    ];
    for (what, act, kind, words) in cases {
        let (listener, address) = listener().await;
        let server = serve(listener, move |_| act.clone()).await;
        let source = source(address, SOON);
        let started = Instant::now();
        let error = source.search(&contract::all()).await.unwrap_err();
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "{what}: {:?}",
            started.elapsed()
        );
        assert!(format!("{error:?}").starts_with(kind), "{what}: {error:?}");
        assert!(error.to_string().contains(words), "{what}: {error}");
        assert_eq!(error.source_name(), "Jaeger");
        server.abort();
    }
}

#[tokio::test]
async fn a_refused_connection_is_told_and_the_source_answers_again_when_it_is_back() {
    let (listener, address) = listener().await;
    drop(listener);
    let source = source(address, SOON);
    for _ in 0..4 {
        let started = Instant::now();
        let error = source.services(&Scope::All).await.unwrap_err();
        assert!(matches!(error, SourceError::Unavailable { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(1));
    }
    let listener = TcpListener::bind(address).await.unwrap();
    let server = serve(listener, |_| json("{\"services\": [\"web\"]}")).await;
    let started = Instant::now();
    while source.services(&Scope::All).await != Ok(vec!["web".to_owned()]) {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "it is left alone for too long"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.abort();
}

#[tokio::test]
async fn trouble_in_the_middle_is_an_error_and_not_an_empty_list() {
    let (listener, address) = listener().await;
    serve(listener, |path| match path.as_str() {
        "/api/v3/services" => json("{\"services\": []}"),
        _ => json(
            "{\"result\": {\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [{\"traceId\": \"zz\"}]}]}]}}",
        ),
    })
    .await;
    let error = source(address, SOON).search(&contract::all()).await.unwrap_err();
    assert!(matches!(error, SourceError::Malformed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_page_goes_on_where_conditions_that_jaeger_does_not_judge_left_little() {
    // A server that gives the newest twenty of a hundred traces; one in ten is an error.
    let (listener, address) = listener().await;
    serve(listener, |path| {
        if path == "/api/v3/services" {
            return json("{\"services\": [\"web\"]}");
        }
        let url: Url = format!("http://h{path}").parse().unwrap();
        let until = url.query_pairs().find(|(name, _)| name == "query.start_time_max").unwrap().1.into_owned();
        let first = contract::START.millis() / 1000;
        let spans: Vec<_> = (1..=100)
            .rev()
            .filter(|second| v3::time((first + second).unsigned_abs() * 1_000_000_000) < until)
            .take(20)
            .map(|second| {
                let status = if second % 10 == 0 { 2 } else { 0 };
                format!(
                    "{{\"traceId\":\"{second:032x}\",\"spanId\":\"{second:016x}\",\"name\":\"x\",\"startTimeUnixNano\":\"{0}000000000\",\"endTimeUnixNano\":\"{0}000001000\",\"status\":{{\"code\":{status}}}}}",
                    first + second
                )
            })
            .collect();
        json(&format!("{{\"result\":{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{}]}}]}}]}}}}", spans.join(",")))
    })
    .await;
    let source = source(address, Duration::from_secs(20));
    let mut query = contract::all();
    query.to = contract::START.plus(Duration::from_secs(1000));
    query.filter.error = Some(true);
    query.limit = 4;
    let mut seen = Vec::new();
    for _ in 0..10 {
        let page = source.search(&query).await.unwrap();
        seen.extend(page.items.iter().map(|item| item.id.get()));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [100, 90, 80, 70, 60, 50, 40, 30, 20, 10]);
    assert_eq!(query.after, None);
}
