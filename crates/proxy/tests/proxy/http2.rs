//! HTTP/2 and gRPC: both versions on both sides, streams, trailers, statuses, counts.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Frame, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use vigla_dataplane::*;
use vigla_identity::Authority;
use vigla_model::Protocol;

use crate::{
    app::App,
    echo::{Echo, Stub, framed, frames},
    mesh::{Mode, inbound, now, outbound_to, secrets},
    world::*,
};

/// A proxy in front of an endpoint that speaks HTTP/2.
async fn to_http2(endpoints: Vec<Endpoint>, route: Route) -> (World, std::net::SocketAddr) {
    let mut world = World::new();
    let address = world.listen(outbound());
    world.routes(vec![route]);
    let mut cluster = cluster("v1");
    cluster.protocol = Protocol::Grpc;
    cluster.http = HttpVersion::Http2;
    world.cluster(cluster, endpoints);
    world.apply().await;
    (world, address)
}

fn with(change: fn(&mut Forward)) -> Route {
    let mut forward = forward();
    change(&mut forward);
    route(RouteAction::Forward(forward))
}

#[tokio::test]
async fn http2_reaches_an_application_that_speaks_http1() {
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, to_v1()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://reviews:9080/a?b")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("x-envoy-upstream-service-time"));
    let seen = response.into_body().collect().await.unwrap().to_bytes();
    let seen = String::from_utf8(seen.to_vec()).unwrap();
    assert!(seen.starts_with("GET /a?b\n"), "{seen}");
    assert!(
        seen.contains("host: reviews:9080\n") && seen.contains("cookie: a=1; b=2\n"),
        "{seen}"
    );
    let line = &world.end().await[0];
    assert_eq!(
        (&line["protocol"], &line["authority"]),
        (&"HTTP/2".into(), &"reviews:9080".into())
    );
}

#[tokio::test]
async fn http1_reaches_an_application_that_speaks_http2() {
    let echo = Echo::start(100).await;
    let (world, address) = to_http2(vec![endpoint(echo.address)], to_v1()).await;
    let mut caller = Caller::new(address).await;
    for _ in 0..3 {
        let mut request = get("reviews:9080", "/echo");
        *request.body_mut() = Bytes::from_static(b"hello").into();
        let answer = caller.send(request).await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    }
    assert_eq!(echo.connections(), 1);
    assert_eq!(world.end().await.len(), 3);
}

#[tokio::test]
async fn streams_share_connections_as_far_as_the_endpoint_allows() {
    for (max_streams, want) in [(100, 1..=1), (4, 2..=8)] {
        let echo = Echo::start(max_streams).await;
        let (_world, address) = to_http2(vec![endpoint(echo.address)], to_v1()).await;
        let mut first = Stub::new(address).await;
        assert_eq!(first.call("/echo", &[], &[b"a"]).await.unwrap().status, 200);
        let calls = (0..20).map(|_| {
            let mut stub = first.clone();
            tokio::spawn(async move { stub.call("/slow", &[], &[b"a"]).await.unwrap().status })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap(), 200);
        }
        let connections = echo.connections();
        assert!(
            want.contains(&connections),
            "{connections} with {max_streams} streams each"
        );
    }
}

#[tokio::test]
async fn a_call_passes_with_its_messages_and_trailers_and_is_counted() {
    let echo = Echo::start(100).await;
    let (world, address) = to_http2(vec![endpoint(echo.address)], to_v1()).await;
    let reply = Stub::new(address)
        .await
        .call("/echo.Echo/Echo", &[], &[b"one", b"two", b""])
        .await
        .unwrap();
    assert_eq!(reply.body, [framed(b"one"), framed(b"two"), framed(b"")].concat());
    assert_eq!(reply.grpc_status(), Some("0"));
    assert_eq!(reply.trailers["x-trailer"], "yes");
    assert_eq!(reply.trailers["x-te"], "trailers");
    let labels = [
        "request_protocol=\"grpc\"",
        "response_code=\"200\"",
        "grpc_response_status=\"0\"",
        "response_flags=\"-\"",
    ];
    assert_eq!(world.metric("istio_requests_total", &labels).await, 1);
    let labels = ["request_protocol=\"grpc\"", "destination_workload=\"reviews-v1\""];
    assert_eq!(world.metric("istio_request_messages_total", &labels).await, 3);
    assert_eq!(world.metric("istio_response_messages_total", &labels).await, 3);
}

#[tokio::test]
async fn messages_pass_one_by_one_both_ways_and_are_counted_while_the_stream_lives() {
    let echo = Echo::start(100).await;
    let (world, address) = to_http2(vec![endpoint(echo.address)], to_v1()).await;
    let (sender, body) = frames();
    let mut incoming = Stub::new(address)
        .await
        .open("/echo.Echo/Chat", &[], body)
        .await
        .unwrap()
        .into_body();
    for number in 1..=5_u64 {
        sender.send(Ok(Frame::data(framed(b"hello")))).await.unwrap();
        let frame = tokio::time::timeout(Duration::from_secs(5), incoming.frame()).await;
        let data = frame.unwrap().unwrap().unwrap().into_data().unwrap();
        assert_eq!(data, framed(b"hello"));
        assert_eq!(world.metric("istio_response_messages_total", &[]).await, number);
        assert_eq!(world.metric("istio_requests_total", &[]).await, 0);
    }
    drop(sender);
    let trailers = incoming.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(world.metric("istio_requests_total", &[]).await, 1);
}

/// Makes one gRPC call and checks what came of it, in the reply, the metrics and the log.
async fn check(route: Route, path: &str, headers: &[(&str, &str)], grpc_status: &str, flags: &str) -> u64 {
    let echo = Echo::start(100).await;
    let (world, address) = to_http2(vec![endpoint(echo.address)], route).await;
    let reply = Stub::new(address)
        .await
        .call(path, headers, &[b"a"])
        .await
        .unwrap();
    assert_eq!(
        (reply.status, reply.grpc_status()),
        (200, Some(grpc_status)),
        "{path}: {reply:?}"
    );
    let labels = [
        "request_protocol=\"grpc\"",
        "response_code=\"200\"",
        &format!("grpc_response_status=\"{grpc_status}\""),
        &format!("response_flags=\"{flags}\""),
    ];
    assert_eq!(
        world.metric("istio_requests_total", &labels).await,
        1,
        "{path}: {}",
        world.proxy.metrics().await
    );
    assert_eq!(world.end().await[0]["response_flags"], flags);
    echo.count()
}

#[tokio::test]
async fn the_status_of_a_call_is_counted_wherever_it_stands() {
    check(to_v1(), "/fail/5", &[], "5", "-").await;
    check(to_v1(), "/late/13", &[], "13", "-").await;
}

#[tokio::test]
async fn what_the_proxy_answers_itself_is_grpc_too() {
    check(to_v1(), "/reset", &[], "14", "UR").await;
    check(to_v1(), "/refuse", &[], "14", "UR").await;
    check(to_v1(), "/slow", &[("grpc-timeout", "50m")], "14", "UT").await;
    let short = with(|forward| forward.timeout = Some(Duration::from_millis(50)));
    check(short, "/slow", &[("grpc-timeout", "5S")], "14", "UT").await;
    let nowhere = with(|forward| forward.clusters = vec![weighted("v9", 1)]);
    check(nowhere, "/", &[], "14", "NC").await;
    let abort = with(|forward| {
        forward.fault = Some(Fault {
            abort: Some((1_000_000, 404)),
            ..Fault::default()
        });
    });
    check(abort, "/", &[], "12", "FI").await;
}

#[tokio::test]
async fn calls_are_tried_again_by_their_grpc_status() {
    fn retrying(attempts: u32, on: &str) -> Route {
        let mut forward = forward();
        forward.retry = Some(Retry {
            attempts,
            on: vec![on.into()],
            ..Retry::default()
        });
        route(RouteAction::Forward(forward))
    }
    // A trailer would make the request one that is not kept; this call has none.
    for (route, want, flags, tries) in [
        (retrying(2, "unavailable"), "0", "-", 3),
        (retrying(1, "unavailable"), "14", "URX", 2),
        (retrying(2, "cancelled"), "14", "-", 1),
    ] {
        let echo = Echo::start(100).await;
        let (world, address) = to_http2(vec![endpoint(echo.address)], route).await;
        let (sender, body) = frames();
        drop(sender);
        let response = Stub::new(address).await.open("/flaky", &[], body).await.unwrap();
        let status = response.headers().get("grpc-status").cloned();
        let body = response.into_body().collect().await.unwrap();
        let trailer = body.trailers().and_then(|trailers| trailers.get("grpc-status"));
        assert_eq!(status.as_ref().or(trailer).unwrap(), want);
        assert_eq!(world.end().await[0]["response_flags"], flags);
        assert_eq!(echo.count(), tries);
    }
}

fn retrying_refused() -> Route {
    let mut forward = forward();
    forward.retry = Some(Retry {
        attempts: 1,
        on: vec!["refused-stream".into()],
        ..Retry::default()
    });
    route(RouteAction::Forward(forward))
}

#[tokio::test]
async fn what_an_endpoint_refused_is_tried_again() {
    let echo = Echo::start(100).await;
    let (world, address) = to_http2(vec![endpoint(echo.address)], retrying_refused()).await;
    let reply = Stub::new(address)
        .await
        .call("/refuse/first", &[], &[b"a"])
        .await
        .unwrap();
    assert_eq!(reply.grpc_status(), Some("0"));
    assert_eq!(world.end().await[0]["response_flags"], "-");
    assert_eq!(echo.count(), 2);
}

#[tokio::test]
async fn a_stream_that_the_farewell_of_a_connection_leaves_out_is_tried_again() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    /// Settings, and a farewell that says that no stream was looked at.
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const FAREWELL: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let echo = Echo::start(100).await;
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = front.local_addr().unwrap();
    let behind = echo.address;
    tokio::spawn(async move {
        let (mut first, _) = front.accept().await.unwrap();
        first.write_all(&SETTINGS).await.unwrap();
        let mut seen = [0; 4096];
        let mut length = 0;
        // The preface, settings and window update of the caller are shorter than what comes with a request.
        while length < 120 {
            length += first.read(&mut seen[length..]).await.unwrap();
        }
        first.write_all(&FAREWELL).await.unwrap();
        let (mut second, _) = front.accept().await.unwrap();
        let mut echo = TcpStream::connect(behind).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut second, &mut echo).await;
        drop(first);
    });
    let (world, entry) = to_http2(vec![endpoint(address)], retrying_refused()).await;
    let call = async { Stub::new(entry).await.call("/echo", &[], &[b"a"]).await };
    let reply = tokio::time::timeout(Duration::from_secs(5), call)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(reply.grpc_status(), Some("0"));
    assert_eq!((world.end().await.len(), echo.count()), (1, 1));
}

#[tokio::test]
async fn a_call_that_is_given_up_is_no_lost_connection() {
    let echo = Echo::start(100).await;
    let (world, address) = to_http2(vec![endpoint(echo.address)], to_v1()).await;
    let mut stub = Stub::new(address).await;
    let given_up = tokio::time::timeout(Duration::from_millis(100), stub.call("/slow", &[], &[b"a"])).await;
    assert!(given_up.is_err());
    while world
        .metric(
            "istio_requests_total",
            &["response_flags=\"DR\"", "response_code=\"0\""],
        )
        .await
        == 0
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(stub.call("/echo", &[], &[b"a"]).await.unwrap().status, 200);
    let (_sender, body) = frames();
    let gone = tokio::spawn(async move { stub.open("/slow", &[], body).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    gone.abort();
    while world.metric("istio_requests_total", &[]).await < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(echo.connections(), 1);
}

#[tokio::test]
async fn http2_goes_through_mutual_tls_from_sidecar_to_sidecar() {
    let echo = Echo::start(100).await;
    let authority = Authority::create("cluster.local", now()).unwrap();
    let mut callee = World::new();
    callee.secrets = secrets(&authority, "reviews", "reviews-v1");
    let address = inbound(&mut callee, echo.address, Mode::Strict);
    make_grpc(&mut callee, "inbound|9080||");
    callee.apply().await;
    let mut caller = World::new();
    caller.secrets = secrets(&authority, "productpage", "productpage-v1");
    let entry = outbound_to(&mut caller, address, "reviews");
    make_grpc(&mut caller, "v1");
    caller.apply().await;
    let mut stub = Stub::new(entry).await;
    // More than a peer takes empty frames that do not end a body.
    for _ in 0..150 {
        let reply = stub.call("/echo.Echo/Echo", &[], &[b"hello"]).await.unwrap();
        assert_eq!((reply.status, reply.grpc_status()), (200, Some("0")));
        assert_eq!(reply.trailers["x-trailer"], "yes");
    }
    let labels = [
        "request_protocol=\"grpc\"",
        "connection_security_policy=\"mutual_tls\"",
        "source_workload=\"productpage-v1\"",
        "grpc_response_status=\"0\"",
    ];
    assert_eq!(callee.metric("istio_requests_total", &labels).await, 150);
    assert_eq!(
        callee.metric("istio_request_messages_total", &labels[..3]).await,
        150
    );
    assert_eq!(callee.end().await[9]["protocol"], "HTTP/2");
    assert_eq!(echo.connections(), 1);
}

fn make_grpc(world: &mut World, name: &str) {
    let cluster = world.plan.clusters.get_mut(name).unwrap();
    let cluster = std::sync::Arc::make_mut(cluster);
    cluster.protocol = Protocol::Grpc;
    cluster.http = HttpVersion::Http2;
}

#[tokio::test]
async fn draining_lets_streams_finish_and_takes_no_new_ones() {
    let echo = Echo::start(100).await;
    let (world, address) = to_http2(vec![endpoint(echo.address)], to_v1()).await;
    let stub = Stub::new(address).await;
    let mut slow = stub.clone();
    let slow = tokio::spawn(async move { slow.call("/slow", &[], &[b"a"]).await });
    while echo.count() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let lines = world.end().await;
    assert_eq!(slow.await.unwrap().unwrap().grpc_status(), Some("0"));
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["response_flags"], "-");
    assert!(stub.is_closed());
}
