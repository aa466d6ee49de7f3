//! Plain HTTP: routes, changes, faults, timeouts, retries, limits; each with its flag, its count and its line.

use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use vigla_dataplane::*;

use crate::{app::App, world::*};

/// Sends one request over a route and checks status, flags and details in answer, metrics and access log.
async fn check(route: Route, path: &str, status: u16, flags: &str, details: &str) -> Answer {
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, route).await;
    let answer = Caller::new(address).await.get(path).await;
    assert_eq!(answer.status, status, "{answer:?}");
    let labels = [
        format!("response_flags=\"{flags}\""),
        format!("response_code=\"{status}\""),
    ];
    let labels: Vec<_> = labels.iter().map(String::as_str).collect();
    assert_eq!(
        world.metric("istio_requests_total", &labels).await,
        1,
        "{}",
        world.proxy.metrics().await
    );
    let lines = world.end().await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["response_flags"], flags);
    assert_eq!(lines[0]["response_code"], status);
    assert_eq!(lines[0]["response_code_details"], details);
    answer
}

#[tokio::test]
async fn a_request_is_forwarded_counted_and_logged() {
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, to_v1()).await;
    let answer = Caller::new(address).await.get("/reviews/0?full").await;
    assert!(
        answer
            .body
            .starts_with("GET /reviews/0?full\nhost: reviews:9080\n"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("x-request-id: "), "{}", answer.body);
    assert!(answer.body.contains("x-forwarded-proto: http"), "{}", answer.body);
    assert!(answer.headers.contains_key("x-envoy-upstream-service-time"));
    let labels = [
        "reporter=\"source\"",
        "source_workload=\"productpage-v1\"",
        "source_principal=\"unknown\"",
        "destination_workload=\"reviews-v1\"",
        "destination_version=\"v1\"",
        "destination_service=\"reviews.bookinfo.svc.cluster.local\"",
        "connection_security_policy=\"unknown\"",
        "response_code=\"200\"",
    ];
    assert_eq!(world.metric("istio_requests_total", &labels).await, 1);
    assert_eq!(world.metric("istio_response_bytes_count", &labels).await, 1);
    assert_eq!(
        world.metric("istio_response_bytes_sum", &labels).await,
        answer.body.len() as u64
    );
    let lines = world.end().await;
    let line = &lines[0];
    for (key, want) in [
        ("method", "GET"),
        ("path", "/reviews/0?full"),
        ("protocol", "HTTP/1.1"),
        ("authority", "reviews:9080"),
        ("response_flags", "-"),
        ("response_code_details", "via_upstream"),
        ("route_name", "default"),
        ("upstream_cluster", "v1"),
        ("upstream_host", &app.address.to_string()),
        ("downstream_local_address", &address.to_string()),
    ] {
        assert_eq!(line[key], want, "{key} in {line}");
    }
    assert_eq!(line["bytes_sent"], answer.body.len());
    let id = line["request_id"].as_str().unwrap();
    assert!(
        answer.body.contains(&format!("x-request-id: {id}")),
        "{id} {}",
        answer.body
    );
}

#[tokio::test]
async fn an_unknown_host_gets_404_nr() {
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, to_v1()).await;
    let answer = Caller::new(address).await.send(get("nobody", "/")).await.unwrap();
    assert_eq!(answer.status, 404);
    let labels = ["response_flags=\"NR\"", "destination_service=\"unknown\""];
    assert_eq!(world.metric("istio_requests_total", &labels).await, 1);
    assert_eq!(world.end().await[0]["response_code_details"], "route_not_found");
}

#[tokio::test]
async fn an_unknown_cluster_gets_503_nc_under_the_routes_service() {
    let app = App::start().await;
    let nowhere = route(RouteAction::Forward(Forward {
        clusters: vec![weighted("v9", 1)],
        ..Forward::default()
    }));
    let (world, address) = World::to_app(app.address, nowhere).await;
    assert_eq!(Caller::new(address).await.get("/").await.status, 503);
    let labels = [
        "response_flags=\"NC\"",
        "destination_service=\"reviews.bookinfo.svc.cluster.local\"",
        "destination_workload=\"unknown\"",
    ];
    assert_eq!(world.metric("istio_requests_total", &labels).await, 1);
    let line = &world.end().await[0];
    assert_eq!(
        (&line["upstream_cluster"], &line["response_code_details"]),
        (&"v9".into(), &"cluster_not_found".into())
    );
}

#[tokio::test]
async fn what_goes_wrong_has_envoys_flag() {
    let with = |change: fn(&mut Forward)| {
        let mut forward = forward();
        change(&mut forward);
        route(RouteAction::Forward(forward))
    };
    let abort = with(|forward| {
        forward.fault = Some(Fault {
            abort: Some((1_000_000, 555)),
            ..Fault::default()
        });
    });
    let delay = with(|forward| {
        forward.fault = Some(Fault {
            delay: Some((1_000_000, Duration::from_millis(20))),
            ..Fault::default()
        });
    });
    let timeout = with(|forward| forward.timeout = Some(Duration::from_millis(50)));
    let per_try = with(|forward| {
        forward.retry = Some(Retry {
            attempts: 1,
            on: vec!["5xx".into()],
            statuses: Vec::new(),
            per_try_timeout: Some(Duration::from_millis(50)),
            ..Retry::default()
        });
    });
    let terminated = "upstream_reset_before_response_started{connection_termination}";
    check(abort, "/", 555, "FI", "fault_filter_abort").await;
    check(delay, "/", 200, "DI", "via_upstream").await;
    check(timeout, "/slow", 504, "UT", "response_timeout").await;
    check(per_try, "/slow", 504, "URX,UT", "upstream_per_try_timeout").await;
    check(to_v1(), "/break", 503, "UC", terminated).await;
    check(to_v1(), "/status/418", 418, "-", "via_upstream").await;
}

#[tokio::test]
async fn endpoints_that_are_absent_or_refuse_give_uh_and_uf() {
    let mut world = World::new();
    let address = world.listen(outbound());
    world.routes(vec![to_v1()]);
    world.cluster(cluster("v1"), Vec::new());
    world.apply().await;
    let mut caller = Caller::new(address).await;
    let answer = caller.get("/").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (503, "no healthy upstream")
    );
    world.cluster(cluster("v1"), vec![endpoint(free_address())]);
    world.apply().await;
    assert_eq!(caller.get("/").await.status, 503);
    assert_eq!(
        world
            .metric("istio_requests_total", &["response_flags=\"UH\""])
            .await,
        1
    );
    let labels = ["response_flags=\"UF\"", "destination_workload=\"reviews-v1\""];
    assert_eq!(world.metric("istio_requests_total", &labels).await, 1);
    let lines = world.end().await;
    assert!(
        lines[1]["upstream_transport_failure_reason"]
            .as_str()
            .unwrap()
            .contains("refused"),
        "{}",
        lines[1]
    );
}

#[tokio::test]
async fn a_caller_that_leaves_is_counted_as_dc() {
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, to_v1()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nhost: reviews\r\n\r\n")
        .await
        .unwrap();
    while app.count() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(stream);
    let labels = ["response_flags=\"DC\"", "response_code=\"0\""];
    while world.metric("istio_requests_total", &labels).await == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(
        world.end().await[0]["response_code_details"],
        "downstream_remote_disconnect"
    );
}

fn retrying(attempts: u32, on: &str) -> Route {
    route(RouteAction::Forward(Forward {
        retry: Some(Retry {
            attempts,
            on: vec![on.into()],
            statuses: Vec::new(),
            ..Retry::default()
        }),
        ..forward()
    }))
}

#[tokio::test]
async fn a_request_is_tried_again_with_its_body() {
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, retrying(2, "5xx")).await;
    let mut caller = Caller::new(address).await;
    assert_eq!(caller.get("/flaky").await.status, 200);
    assert_eq!(app.count(), 3);
    assert_eq!(
        world
            .metric("istio_requests_total", &["response_flags=\"-\""])
            .await,
        1
    );
    let echo = |size: usize| {
        Request::post("/echo")
            .header("host", "reviews")
            .body(Full::from(vec![b'x'; size]))
            .unwrap()
    };
    for size in [1, 60_000, 300_000] {
        let answer = caller.send(echo(size)).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, size));
    }
}

#[tokio::test]
async fn used_up_retries_are_flagged() {
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, retrying(1, "5xx")).await;
    assert_eq!(Caller::new(address).await.get("/status/500").await.status, 500);
    assert_eq!(app.count(), 2);
    assert_eq!(
        world
            .metric("istio_requests_total", &["response_flags=\"URX\""])
            .await,
        1
    );
}

#[tokio::test]
async fn a_retry_goes_to_another_endpoint() {
    let app = App::start().await;
    let mut world = World::new();
    let address = world.listen(outbound());
    world.routes(vec![retrying(2, "connect-failure")]);
    world.cluster(
        cluster("v1"),
        vec![endpoint(free_address()), endpoint(app.address)],
    );
    world.apply().await;
    let mut caller = Caller::new(address).await;
    for _ in 0..4 {
        assert_eq!(caller.get("/").await.status, 200);
    }
    assert_eq!(app.count(), 4);
}

#[tokio::test]
async fn round_robin_is_even() {
    let (one, two) = (App::start().await, App::start().await);
    let mut world = World::new();
    let address = world.listen(outbound());
    world.routes(vec![to_v1()]);
    world.cluster(cluster("v1"), vec![endpoint(one.address), endpoint(two.address)]);
    world.apply().await;
    let mut caller = Caller::new(address).await;
    for _ in 0..10 {
        caller.get("/").await;
    }
    assert_eq!((one.count(), two.count()), (5, 5));
}

#[tokio::test]
async fn headers_paths_and_hosts_are_changed() {
    let mut changed = route(RouteAction::Forward(Forward {
        path: Some(PathRewrite::Prefix("/new".into())),
        authority: Some("other".into()),
        ..forward()
    }));
    changed.matches.path = PathMatch::Prefix("/old".into());
    changed.request_headers.set = vec![("x-set".into(), "1".into())];
    changed.request_headers.remove = vec!["x-gone".into()];
    changed.response_headers.add = vec![("x-added".into(), "1".into())];
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, changed).await;
    let request = Request::get("/old/a?b")
        .header("host", "reviews")
        .header("x-gone", "1");
    let answer = Caller::new(address)
        .await
        .send(request.body(Full::default()).unwrap())
        .await
        .unwrap();
    assert!(answer.body.starts_with("GET /new/a?b\n"), "{}", answer.body);
    assert!(
        answer.body.contains("host: other\n") && answer.body.contains("x-set: 1\n"),
        "{}",
        answer.body
    );
    assert!(
        answer.body.contains("x-envoy-original-path: /old/a?b\n"),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains("x-gone"), "{}", answer.body);
    assert_eq!(answer.headers["x-added"], "1");
    assert_eq!(world.end().await[0]["path"], "/old/a?b");
}

#[tokio::test]
async fn a_path_is_normal_before_it_is_routed_and_sent_on() {
    let mut admin = route(RouteAction::Respond {
        status: 403,
        body: "".into(),
    });
    admin.matches.path = PathMatch::Prefix("/admin".into());
    let app = App::start().await;
    let (mut world, address) = World::to_app(app.address, to_v1()).await;
    world.routes(vec![admin, to_v1()]);
    world.apply().await;
    let mut caller = Caller::new(address).await;
    assert_eq!(caller.get("/x/..%2fadmin/%2e%2e/../%61dmin?q").await.status, 403);
    let answer = caller.get("/a/./b?c=/./d").await;
    assert!(answer.body.starts_with("GET /a/b?c=/./d\n"), "{}", answer.body);
    assert_eq!(world.end().await[1]["path"], "/a/./b?c=/./d");
}

#[tokio::test]
async fn redirects_and_direct_answers_need_no_upstream() {
    let redirect = route(RouteAction::Redirect(Redirect {
        status: 302,
        scheme: None,
        host: Some("new.example".into()),
        port: None,
        path: None,
    }));
    let answer = check(redirect, "/a?b", 302, "-", "direct_response").await;
    assert_eq!(answer.headers["location"], "http://new.example/a?b");
    let respond = RouteAction::Respond {
        status: 418,
        body: "teapot".into(),
    };
    let answer = check(route(respond), "/", 418, "-", "direct_response").await;
    assert_eq!(answer.body, "teapot");
}

/// Sends raw bytes and gives the status line of the answer.
async fn raw(address: std::net::SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(2), read)
        .await
        .expect("the connection is closed");
    String::from_utf8(answer)
        .unwrap()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn bad_requests_are_refused_and_the_connection_closed() {
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, to_v1()).await;
    let large = format!(
        "GET / HTTP/1.1\r\nhost: reviews\r\nx: {}\r\n\r\n",
        "x".repeat(62 << 10)
    );
    for (request, want) in [
        (&b"GET / HTTP/1.0\r\nhost: reviews\r\n\r\n"[..], "HTTP/1.0 426 Upgrade Required"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"GARBAGE\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (
            b"POST / HTTP/1.1\r\nhost: reviews\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 400 Bad Request",
        ),
        (large.as_bytes(), "HTTP/1.1 431 Request Header Fields Too Large"),
        (b"GET / HTTP/1.1\r\nhost: rev", "HTTP/1.1 408 Request Timeout"),
    ] {
        let start = String::from_utf8_lossy(&request[..20.min(request.len())]).into_owned();
        assert_eq!(raw(address, request).await, want, "{start}");
    }
    assert_eq!(app.count(), 0);
    assert_eq!(
        world
            .metric("istio_requests_total", &["response_flags=\"DPE\""])
            .await,
        5
    );
    assert_eq!(
        world
            .metric("istio_requests_total", &["response_code=\"408\""])
            .await,
        1
    );
}

#[tokio::test]
async fn a_body_of_unknown_length_goes_through() {
    let app = App::start().await;
    let (_world, address) = World::to_app(app.address, to_v1()).await;
    let request =
        b"POST /echo HTTP/1.1\r\nhost: reviews\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(raw(address, request).await, "HTTP/1.1 200 OK");
}
