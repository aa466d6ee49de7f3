//! What routes ask for beside sending requests on: copies, answers to browsers, keys; and calls of unknown hosts.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::Request;
use vigla_dataplane::*;

use crate::{app::App, echo::Echo, world::*};

fn with(change: impl FnOnce(&mut Forward)) -> Route {
    let mut forward = forward();
    change(&mut forward);
    route(RouteAction::Forward(forward))
}

fn mirror(cluster: &str, share: u32) -> Mirror {
    Mirror {
        cluster: cluster.into(),
        share,
        origin: None,
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within 5 s");
}

#[tokio::test]
async fn copies_go_to_others_whole_and_nobody_waits_for_them() {
    let (app, shadow) = (App::start().await, App::start().await);
    let mirrors = vec![
        mirror("shadow", 1_000_000),
        mirror("missing", 1_000_000),
        mirror("shadow", 0),
    ];
    let (mut world, address) = World::to_app(app.address, with(|forward| forward.mirrors = mirrors)).await;
    world.cluster(cluster("shadow"), vec![endpoint(shadow.address)]);
    world.apply().await;
    let mut caller = Caller::new(address).await;
    for body in ["hello".to_owned(), String::new(), "x".repeat(65 << 10)] {
        let request = Request::post("/echo").header("host", "reviews:9080");
        let answer = caller
            .send(request.body(Full::from(body.clone())).unwrap())
            .await
            .unwrap();
        assert_eq!(answer.body, body);
    }
    // The last one is longer than what is kept for copies.
    until("two copies", || shadow.count() == 2).await;
    assert_eq!(app.count(), 3);
    // They are nobody's requests: neither counted nor logged.
    assert_eq!(world.metric("istio_requests_total", &[]).await, 3);
    assert_eq!(world.end().await.len(), 3);
    assert_eq!(shadow.count(), 2);
    assert_eq!(shadow.last().lines().next(), Some("POST /echo"));
    assert!(
        shadow.last().contains("host: reviews-shadow:9080"),
        "{}",
        shadow.last()
    );
}

#[tokio::test]
async fn copies_are_made_of_a_share() {
    let (app, shadow) = (App::start().await, App::start().await);
    let half = with(|forward| forward.mirrors = vec![mirror("shadow", 500_000)]);
    let (mut world, address) = World::to_app(app.address, half).await;
    world.cluster(cluster("shadow"), vec![endpoint(shadow.address)]);
    world.apply().await;
    let mut caller = Caller::new(address).await;
    for _ in 0..400 {
        assert_eq!(caller.get("/").await.status, 200);
    }
    until("a share of copies", || (130..270).contains(&shadow.count())).await;
}

fn cors() -> Option<Arc<Cors>> {
    Some(Arc::new(Cors {
        allow_origins: vec![StringMatch::Exact("https://shop.example".into())],
        allow_methods: vec!["GET".into(), "PUT".into()],
        allow_headers: vec!["x-user".into()],
        expose_headers: vec!["x-page".into()],
        max_age: Some(Duration::from_secs(60)),
        allow_credentials: Some(true),
        forward_unmatched: false,
        origin: None,
    }))
}

/// What a browser is told, as text.
pub(crate) async fn ask_as_browser(address: std::net::SocketAddr) -> Vec<String> {
    let mut told = Vec::new();
    for (method, origin, asks) in [
        ("GET", "https://shop.example", false),
        ("GET", "https://other.example", false),
        ("OPTIONS", "https://shop.example", true),
        ("OPTIONS", "https://other.example", true),
        ("OPTIONS", "https://other.example", false),
    ] {
        let mut request = Request::builder()
            .method(method)
            .uri("/a")
            .header("host", "reviews:9080")
            .header("origin", origin);
        if asks {
            request = request.header("access-control-request-method", "PUT");
        }
        let request = request.body(Full::default()).unwrap();
        let answer = Caller::new(address).await.send(request).await.unwrap();
        let headers = answer.headers.iter();
        let mut headers: Vec<_> = headers
            .filter(|(name, _)| name.as_str().starts_with("access-control"))
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect();
        headers.sort();
        let from = if answer.headers.contains_key("x-app") {
            "app"
        } else {
            "proxy"
        };
        told.push(format!("{} {from} {}", answer.status, headers.join(" ")));
    }
    told
}

pub(crate) fn for_browsers() -> Route {
    with(|forward| forward.cors = cors())
}

pub(crate) const TOLD: [&str; 5] = [
    "200 app access-control-allow-credentials=true access-control-allow-origin=https://shop.example \
     access-control-expose-headers=x-page",
    "200 app ",
    "200 proxy access-control-allow-credentials=true access-control-allow-headers=x-user \
     access-control-allow-methods=GET,PUT access-control-allow-origin=https://shop.example \
     access-control-expose-headers=x-page access-control-max-age=60",
    "200 proxy access-control-allow-credentials=true access-control-allow-headers=x-user \
     access-control-allow-methods=GET,PUT access-control-max-age=60",
    "200 app ",
];

#[tokio::test]
async fn browsers_are_told_which_pages_may_read_answers() {
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, for_browsers()).await;
    assert_eq!(ask_as_browser(address).await, TOLD);
    let lines = world.end().await;
    assert_eq!(lines[2]["response_code_details"], "cors_response");
    assert_eq!(app.count(), 3);
}

/// An outbound listener to five applications that picks by a hash.
async fn hashed(keys: Vec<HashKey>) -> (World, std::net::SocketAddr, Vec<App>) {
    let mut apps = Vec::new();
    for _ in 0..5 {
        apps.push(App::start().await);
    }
    let mut world = World::new();
    let address = world.listen(outbound());
    world.routes(vec![with(|forward| forward.hash = keys)]);
    let by_ring = Cluster {
        balancer: Balancer::RingHash { entries: None },
        ..cluster("v1")
    };
    world.cluster(by_ring, apps.iter().map(|app| endpoint(app.address)).collect());
    world.apply().await;
    (world, address, apps)
}

#[tokio::test]
async fn what_has_the_same_key_goes_to_the_same_endpoint_until_that_goes() {
    let (mut world, address, apps) = hashed(vec![HashKey::Header("x-user".into())]).await;
    let ask = async |user: &str| {
        let before: Vec<_> = apps.iter().map(App::count).collect();
        let mut request = get("reviews:9080", "/");
        request.headers_mut().insert("x-user", user.parse().unwrap());
        assert_eq!(
            Caller::new(address).await.send(request).await.unwrap().status,
            200
        );
        let counts = apps.iter().map(App::count);
        counts
            .zip(before)
            .position(|(after, before)| after > before)
            .unwrap()
    };
    let users: Vec<String> = (0..120).map(|number| format!("user-{number}")).collect();
    let mut homes = Vec::new();
    for user in &users {
        let home = ask(user).await;
        assert_eq!(ask(user).await, home);
        homes.push(home);
    }
    assert_eq!(homes.iter().collect::<BTreeSet<_>>().len(), 5, "{homes:?}");
    // One goes: who lived elsewhere stays there.
    let mut endpoints = Endpoints::clone(&world.plan.endpoints["v1"]);
    endpoints.endpoints[homes[0]].healthy = false;
    world.plan.endpoints.insert("v1".into(), Arc::new(endpoints));
    world.apply().await;
    for (user, home) in users.iter().zip(&homes) {
        let now = ask(user).await;
        assert_eq!(now == *home, *home != homes[0], "{user}: {home} {now}");
    }
}

#[tokio::test]
async fn a_caller_without_cookie_gets_one_and_stays_where_it_was() {
    let cookie = HashKey::Cookie {
        name: "home".into(),
        path: "/".into(),
        ttl: Some(Duration::from_secs(60)),
    };
    let (_world, address, apps) = hashed(vec![cookie]).await;
    let first = Caller::new(address).await.get("/").await;
    let set = first.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.ends_with("; Max-Age=60; Path=/; HttpOnly"), "{set}");
    for _ in 0..10 {
        let mut request = get("reviews:9080", "/");
        let value = set.split(';').next().unwrap();
        request.headers_mut().insert("cookie", value.parse().unwrap());
        let answer = Caller::new(address).await.send(request).await.unwrap();
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    let mut counts: Vec<_> = apps.iter().map(App::count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 0, 0, 11]);
}

#[tokio::test]
async fn a_call_of_an_unknown_host_goes_where_it_wants_to() {
    let (app, echo) = (App::start().await, Echo::start(100).await);
    let mut world = World::new();
    let address = world.listen(outbound());
    let mut to_anywhere = with(|forward| forward.clusters = vec![weighted(PASSTHROUGH_CLUSTER, 100)]);
    to_anywhere.service = Some(PASSTHROUGH_CLUSTER.into());
    world.routes(vec![to_anywhere]);
    let table = Arc::make_mut(world.plan.route_tables.get_mut("9080").unwrap());
    table.virtual_hosts[0].domains = vec!["*".into()];
    let anywhere = Cluster {
        discovery: Discovery::Passthrough,
        http: HttpVersion::AsCaller,
        service: Some(PASSTHROUGH_CLUSTER.into()),
        ..cluster(PASSTHROUGH_CLUSTER)
    };
    world
        .plan
        .clusters
        .insert(PASSTHROUGH_CLUSTER.into(), Arc::new(anywhere));
    world.apply().await;
    let mut caller = Caller::new(address).await;
    for host in [
        app.address.to_string(),
        format!("localhost:{}", app.address.port()),
    ] {
        let answer = caller.send(get(&host, "/a")).await.unwrap();
        assert!(answer.body.contains(&format!("host: {host}")), "{}", answer.body);
    }
    // Nobody has that name; and itself it does not call.
    for host in ["books.invalid".to_owned(), address.to_string()] {
        assert_eq!(caller.send(get(&host, "/a")).await.unwrap().status, 503, "{host}");
    }
    let labels = [
        "destination_service=\"PassthroughCluster\"",
        "destination_service_name=\"PassthroughCluster\"",
        "destination_workload=\"unknown\"",
    ];
    assert_eq!(world.metric("istio_requests_total", &labels).await, 4);
    let lines = world.end().await;
    assert_eq!(lines[0]["upstream_host"], app.address.to_string());
    assert_eq!(lines[2]["response_flags"], "DF");
    drop(echo);
}

/// A limit that the second request meets.
pub(crate) fn one_an_hour() -> RateLimit {
    RateLimit {
        max_tokens: 1,
        tokens_per_fill: 1,
        fill_interval: Duration::from_secs(3600),
        enforced: 1_000_000,
        status: 429,
        response_headers: vec![("x-limited".into(), "yes".into())],
        origin: None,
    }
}

/// Two requests under a limit of one.
pub(crate) async fn ask_until_limited(address: std::net::SocketAddr) -> Vec<String> {
    let mut caller = Caller::new(address).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let answer = caller.get("/status/200").await;
        let limited = answer.headers.contains_key("x-limited");
        told.push(format!("{} {limited} {}", answer.status, answer.body));
    }
    told
}

pub(crate) const LIMITED: [&str; 2] = ["200 false ", "429 true local_rate_limited"];

#[tokio::test]
async fn requests_over_the_limit_are_refused_and_a_new_plan_fills_no_bucket() {
    let app = App::start().await;
    let (mut world, address) = World::to_app(app.address, to_v1()).await;
    let limit = |world: &mut World, limit| {
        let listener = Arc::make_mut(world.plan.listeners.get_mut("outbound|9080").unwrap());
        listener.chains[0].rate_limit = Some(Arc::new(limit));
    };
    limit(&mut world, one_an_hour());
    world.apply().await;
    assert_eq!(ask_until_limited(address).await, LIMITED);
    let tracing = Arc::make_mut(world.plan.listeners.get_mut("outbound|9080").unwrap());
    tracing.telemetry.service = Some("other.example".into());
    world.apply().await;
    assert_eq!(Caller::new(address).await.get("/").await.status, 429);
    let quick = RateLimit {
        fill_interval: Duration::from_millis(50),
        ..one_an_hour()
    };
    limit(&mut world, quick);
    world.apply().await;
    let mut caller = Caller::new(address).await;
    assert_eq!(caller.get("/").await.status, 200);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(caller.get("/").await.status, 200);
    let lines = world.end().await;
    assert_eq!(lines[1]["response_flags"], "RL");
    assert_eq!(lines[1]["response_code_details"], "local_rate_limited");
    assert_eq!(app.count(), 3);
}
