//! Traces: what the next hop is told, and which spans reach a collector.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::{HeaderMap, Request, Response, body::Frame, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1::Span,
};
use prost::Message;
use tokio::net::TcpListener;
use vigla_dataplane::*;

use crate::{
    app::App,
    mesh::{Mode, inbound, now, secrets},
    world::*,
};

/// A collector that keeps what it gets: spans with the service that sent them.
struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<(String, Span)>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let spans = Arc::<Mutex<Vec<_>>>::default();
        let kept = Arc::clone(&spans);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let kept = Arc::clone(&kept);
                let service = service_fn(move |request| take(request, Arc::clone(&kept)));
                let builder = http2::Builder::new(TokioExecutor::new());
                tokio::spawn(async move {
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, spans }
    }

    fn tracing(&self, service: &str, sampling: u32) -> Option<Tracing> {
        Some(Tracing {
            sampling,
            collector: self.address,
            service: service.into(),
        })
    }

    /// Waits for so many spans; the first to start is the first.
    async fn spans(&self, count: usize) -> Vec<(String, Span)> {
        let limit = Instant::now() + Duration::from_secs(10);
        while self.spans.lock().unwrap().len() < count && Instant::now() < limit {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut spans = self.spans.lock().unwrap().clone();
        assert_eq!(spans.len(), count, "{spans:?}");
        spans.sort_by_key(|(_, span)| span.start_time_unix_nano);
        spans
    }
}

async fn take(
    request: Request<hyper::body::Incoming>,
    kept: Arc<Mutex<Vec<(String, Span)>>>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let export = ExportTraceServiceRequest::decode(body.slice(5..)).unwrap();
    for resource in export.resource_spans {
        let attributes = resource.resource.unwrap().attributes;
        let service = attributes.iter().find(|pair| pair.key == "service.name").unwrap();
        let service = text(service.value.as_ref().unwrap().value.as_ref().unwrap());
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        kept.lock()
            .unwrap()
            .extend(spans.map(|span| (service.clone(), span)));
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let frames = [
        Frame::data(Bytes::from_static(&[0; 5])),
        Frame::trailers(trailers),
    ];
    let body = StreamBody::new(tokio_stream::iter(frames.map(Ok)));
    Ok(Response::builder()
        .header("content-type", "application/grpc")
        .body(body)
        .unwrap())
}

fn text(value: &Value) -> String {
    match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let pair = span.attributes.iter().find(|pair| pair.key == key)?;
    Some(text(pair.value.as_ref()?.value.as_ref()?))
}

fn trace(world: &mut World, listener: &str, tracing: Option<Tracing>) {
    let listener = world.plan.listeners.get_mut(listener).unwrap();
    Arc::make_mut(listener).tracing = tracing;
}

#[tokio::test]
async fn a_call_is_a_client_span_and_a_server_span_of_one_trace() {
    let (app, collector) = (App::start().await, Collector::start().await);
    let authority = vigla_identity::Authority::create("cluster.local", now()).unwrap();
    let mut callee = World::new();
    callee.secrets = secrets(&authority, "reviews", "reviews-v1");
    let address = inbound(&mut callee, app.address, Mode::Permissive);
    // The caller decided: chance is not asked again.
    trace(
        &mut callee,
        "inbound|9080",
        collector.tracing("reviews.bookinfo", 0),
    );
    callee.apply().await;
    let mut route = to_v1();
    route.matches.path = PathMatch::Prefix("/reviews/".into());
    let (mut caller, entry) = World::to_app(address, route).await;
    trace(
        &mut caller,
        "outbound|9080",
        collector.tracing("productpage.bookinfo", 1_000_000),
    );
    caller.apply().await;
    let answer = Caller::new(entry).await.get("/reviews/0?full").await;
    assert_eq!(answer.status, 200);
    let spans = collector.spans(2).await;
    let [(client_of, client), (server_of, server)] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!(
        (client_of.as_str(), client.kind, server_of.as_str(), server.kind),
        ("productpage.bookinfo", 3, "reviews.bookinfo", 2)
    );
    assert_eq!(client.trace_id, server.trace_id);
    assert_eq!(client.parent_span_id, Vec::<u8>::new());
    assert_eq!(server.parent_span_id, client.span_id);
    assert_eq!(
        (client.name.as_str(), server.name.as_str()),
        ("GET /reviews/*", "GET")
    );
    assert!(client.end_time_unix_nano >= server.end_time_unix_nano);
    assert!(server.start_time_unix_nano >= client.start_time_unix_nano);
    for (key, want) in [
        ("http.request.method", "GET"),
        ("url.path", "/reviews/0"),
        ("url.query", "full"),
        ("server.address", "reviews"),
        ("server.port", "9080"),
        ("http.response.status_code", "200"),
        ("network.peer.address", "127.0.0.1"),
        ("upstream_cluster", "v1"),
        ("response_flags", "-"),
        ("vigla.peer.workload", "reviews-v1"),
    ] {
        assert_eq!(attribute(client, key).as_deref(), Some(want), "{key}");
    }
    assert_eq!(attribute(server, "client.address").as_deref(), Some("127.0.0.1"));
    // The application is told to continue from the server span.
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let told = format!(
        "traceparent: 00-{}-{}-01\n",
        hex(&server.trace_id),
        hex(&server.span_id)
    );
    assert!(answer.body.contains(&told), "{told} {}", answer.body);
    assert_eq!(callee.end().await[0]["trace_id"], hex(&server.trace_id));
    assert_eq!(caller.end().await[0]["trace_id"], hex(&server.trace_id));
}

#[tokio::test]
async fn spans_leave_within_seconds_however_many_follow() {
    let (app, collector) = (App::start().await, Collector::start().await);
    let (mut world, address) = World::to_app(app.address, to_v1()).await;
    trace(&mut world, "outbound|9080", collector.tracing("a.b", 1_000_000));
    world.apply().await;
    let mut caller = Caller::new(address).await;
    let started = Instant::now();
    while collector.spans.lock().unwrap().is_empty() {
        assert_eq!(caller.get("/").await.status, 200);
        assert!(started.elapsed() < Duration::from_secs(8), "no span in 8 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn each_try_is_a_span_and_what_is_never_sent_is_one_too() {
    let (app, collector) = (App::start().await, Collector::start().await);
    let mut retrying = forward();
    retrying.retry = Some(Retry {
        attempts: 3,
        on: vec!["5xx".into()],
        ..Retry::default()
    });
    let (mut world, address) = World::to_app(app.address, route(RouteAction::Forward(retrying))).await;
    trace(&mut world, "outbound|9080", collector.tracing("a.b", 1_000_000));
    world.apply().await;
    let mut caller = Caller::new(address).await;
    let mut request = get("reviews:9080", "/flaky");
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request
        .headers_mut()
        .insert("traceparent", parent.parse().unwrap());
    assert_eq!(caller.send(request).await.unwrap().status, 200);
    let spans = collector.spans(3).await;
    let tries: Vec<_> = spans
        .iter()
        .map(|(_, span)| {
            assert_eq!(span.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
            (
                attribute(span, "http.response.status_code").unwrap(),
                attribute(span, "http.request.resend_count").unwrap_or_default(),
                span.status.is_some(),
            )
        })
        .collect();
    let want = [("503", "", true), ("503", "1", true), ("200", "2", false)];
    let want = want.map(|(status, number, failed)| (status.to_owned(), number.to_owned(), failed));
    assert_eq!(tries, want);
    // No route: nothing is sent, but there is something to see.
    assert_eq!(caller.send(get("nobody", "/")).await.unwrap().status, 404);
    let (_, span) = collector.spans(4).await.pop().unwrap();
    assert_eq!(attribute(&span, "response_flags").as_deref(), Some("NR"));
}

#[tokio::test]
async fn what_is_not_sampled_is_told_to_the_next_hop_and_sent_to_nobody() {
    let (app, collector) = (App::start().await, Collector::start().await);
    let (mut world, address) = World::to_app(app.address, to_v1()).await;
    trace(&mut world, "outbound|9080", collector.tracing("a.b", 0));
    world.apply().await;
    let answer = Caller::new(address).await.get("/").await;
    let line = answer
        .body
        .lines()
        .find(|line| line.starts_with("traceparent: 00-"));
    assert!(line.unwrap().ends_with("-00"), "{}", answer.body);
    world.end().await;
    assert!(collector.spans.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_collector_requests_go_on_and_lost_spans_are_counted() {
    let app = App::start().await;
    let collector = Collector {
        address: free_address(),
        spans: Arc::default(),
    };
    let (mut world, address) = World::to_app(app.address, to_v1()).await;
    trace(&mut world, "outbound|9080", collector.tracing("a.b", 1_000_000));
    world.apply().await;
    let mut caller = Caller::new(address).await;
    for _ in 0..200 {
        assert_eq!(caller.get("/").await.status, 200);
    }
    let limit = Instant::now() + Duration::from_secs(10);
    let dropped = || async {
        let text = world.proxy.metrics().await;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("vigla_spans_dropped_total "));
        line.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    while dropped().await < 200 && Instant::now() < limit {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(dropped().await, 200);
}
