//! Stock Envoy beside ours: the same plan, the same requests, the same answers, flags and labels. `VIGLA_ENVOY` names
//! its binary; without it this test says "skipped".

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use vigla_dataplane::*;
use vigla_model::Protocol;
use vigla_xds::{BootstrapOptions, bootstrap};

use crate::{
    app::App,
    control_plane::{ControlPlane, TOKEN, no_secrets},
    echo::{Echo, Stub},
    extra::{LIMITED, TOLD, ask_as_browser, ask_until_limited, for_browsers, one_an_hour},
    world::*,
};

/// An Envoy that ends with the test.
pub(crate) struct Envoy {
    process: Child,
    admin: SocketAddr,
    folder: tempfile::TempDir,
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Envoy {
    /// Starts one, when there is one; it asks for its config at [`Envoy::socket`].
    pub(crate) fn start() -> Option<Self> {
        let binary = std::env::var_os("VIGLA_ENVOY")?;
        let folder = tempfile::tempdir().unwrap();
        let admin = free_address();
        let options = BootstrapOptions {
            node_id: "productpage-v1-0",
            ads_socket: &folder.path().join("ads"),
            token: TOKEN,
            admin_socket: &folder.path().join("admin"),
            admin_address: admin,
        };
        let path = folder.path().join("bootstrap.json");
        std::fs::write(&path, bootstrap(&options).to_string()).unwrap();
        let process = Command::new(binary)
            .args(["--use-dynamic-base-id", "--concurrency", "1", "-l", "error", "-c"])
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self {
            process,
            admin,
            folder,
        })
    }

    /// Where its control plane listens.
    pub(crate) fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("ads")
    }

    async fn metrics(&self) -> String {
        let request = get("localhost", "/stats/prometheus");
        Caller::new(self.admin).await.send(request).await.unwrap().body
    }
}

/// One request under one plan.
struct Case {
    name: &'static str,
    path: &'static str,
    grpc: bool,
    route: Route,
    cluster: Cluster,
    endpoints: Vec<Endpoint>,
    authorization: Option<Authorization>,
    host: String,
    /// Headers of a call.
    headers: &'static [(&'static str, &'static str)],
    rate_limit: Option<RateLimit>,
}

impl Case {
    fn service(&self) -> String {
        format!("{}.bookinfo.svc.cluster.local", self.name)
    }

    fn add(&self, plan: &mut Plan) -> SocketAddr {
        let mut route = self.route.clone();
        route.service = Some(self.service().as_str().into());
        if let RouteAction::Forward(forward) = &mut route.action
            && forward.clusters[0].cluster.as_ref() == "v1"
        {
            forward.clusters[0].cluster = self.name.into();
        }
        let table = RouteTable {
            name: self.name.into(),
            virtual_hosts: vec![VirtualHost {
                name: "reviews:9080".into(),
                domains: vec!["*".into()],
                routes: vec![route],
            }],
        };
        let network = Network::Http(RouteSource::Inline(Arc::new(table)));
        let mut chain = chain("default", None, None, network);
        chain.authorization = self.authorization.clone().map(Arc::new);
        chain.rate_limit = self.rate_limit.clone().map(Arc::new);
        let mut listener = listener(
            self.name,
            Direction::Outbound,
            identity("productpage-v1", "productpage", "v1"),
            vec![chain],
        );
        listener.name = self.name.into();
        let address = listener.address;
        plan.listeners.insert(listener.name.clone(), Arc::new(listener));
        let mut cluster = self.cluster.clone();
        cluster.name = self.name.into();
        cluster.service = Some(self.service().as_str().into());
        plan.clusters.insert(cluster.name.clone(), Arc::new(cluster));
        if self.cluster.discovery == Discovery::Eds {
            let endpoints = Endpoints {
                endpoints: self.endpoints.clone(),
            };
            plan.endpoints.insert(self.name.into(), Arc::new(endpoints));
        }
        address
    }

    /// Status, gRPC status and body of the answer.
    async fn ask(&self, address: SocketAddr) -> String {
        if self.grpc {
            let mut stub = Stub::new(address).await;
            return match stub.call(self.path, self.headers, &[b"hello"]).await {
                Ok(reply) => {
                    let message = reply.headers.get("grpc-message");
                    let message = message.map_or("", |message| message.to_str().unwrap());
                    format!("{} {:?} {message}", reply.status, reply.grpc_status())
                }
                Err(error) => error.to_string(),
            };
        }
        let answer = Caller::new(address)
            .await
            .send(get(&self.host, self.path))
            .await
            .unwrap();
        // What the application saw holds ids that differ.
        let body = if answer.status == 200 { "" } else { &answer.body };
        let overloaded = answer.headers.contains_key("x-envoy-overloaded");
        format!("{} {body} {overloaded}", answer.status)
    }

    /// The labels under which the request was counted.
    fn labels(&self, metrics: &str) -> BTreeMap<String, String> {
        let of_case = format!("destination_service=\"{}\"", self.service());
        let line = metrics.lines().find(|line| {
            line.trim_start_matches("envoy_")
                .starts_with("istio_requests_total{")
                && line.contains(&of_case)
        });
        let Some(line) = line else {
            return BTreeMap::new();
        };
        let labels = line.split_once('{').unwrap().1.rsplit_once('}').unwrap().0;
        const COMPARED: [&str; 10] = [
            "request_protocol",
            "response_code",
            "grpc_response_status",
            "response_flags",
            "destination_workload",
            "destination_version",
            "destination_service_name",
            "destination_service_namespace",
            "source_workload",
            "connection_security_policy",
        ];
        let pairs = labels.split("\",").filter_map(|pair| pair.split_once("=\""));
        pairs
            .filter(|(key, _)| COMPARED.contains(key))
            .map(|(key, value)| {
                // Envoy writes a dash for what it does not know.
                let value = value.trim_end_matches('"');
                let unknown = value.is_empty() || value == "-" || value == "unknown";
                let value = if unknown { "unknown" } else { value };
                // Several flags are a set: the order is each proxy's own.
                let mut parts: Vec<_> = value.split(',').collect();
                parts.sort_unstable();
                (key.to_owned(), parts.join(","))
            })
            .collect()
    }
}

fn with(change: impl FnOnce(&mut Forward)) -> Route {
    let mut forward = forward();
    change(&mut forward);
    route(RouteAction::Forward(forward))
}

fn cases(app: SocketAddr, echo: SocketAddr) -> Vec<Case> {
    let http = |name, path, route| Case {
        name,
        path,
        grpc: false,
        route,
        cluster: cluster("v1"),
        endpoints: vec![endpoint(app)],
        authorization: None,
        host: "reviews:9080".to_owned(),
        headers: &[],
        rate_limit: None,
    };
    let grpc = |name, path, route| {
        let mut cluster = cluster("v1");
        cluster.protocol = Protocol::Grpc;
        cluster.http = HttpVersion::Http2;
        Case {
            grpc: true,
            cluster,
            endpoints: vec![endpoint(echo)],
            ..http(name, path, route)
        }
    };
    let nowhere = || with(|forward| forward.clusters = vec![weighted("v9", 1)]);
    let abort = |status| {
        with(|forward| {
            forward.fault = Some(Fault {
                abort: Some((1_000_000, status)),
                ..Fault::default()
            });
        })
    };
    let timeout = || with(|forward| forward.timeout = Some(Duration::from_millis(100)));
    let retry = |on: &str| {
        let on = vec![on.into()];
        with(|forward| {
            forward.retry = Some(Retry {
                attempts: 1,
                on,
                ..Retry::default()
            });
        })
    };
    let nobody = || {
        Some(Authorization {
            deny: Vec::new(),
            allow: Some(Vec::new()),
        })
    };
    let closed = |case: Case| Case {
        endpoints: vec![endpoint(free_address())],
        ..case
    };
    let empty = |case: Case| Case {
        endpoints: Vec::new(),
        ..case
    };
    let denied = |case: Case| Case {
        authorization: nobody(),
        ..case
    };
    let full = |mut case: Case| {
        case.cluster.connection_pool.max_pending_requests = Some(0);
        case
    };
    let anywhere = |host: &str, case: Case| Case {
        host: host.to_owned(),
        cluster: Cluster {
            discovery: Discovery::Passthrough,
            http: HttpVersion::AsCaller,
            ..case.cluster
        },
        ..case
    };
    let blocked = || {
        route(RouteAction::Respond {
            status: 502,
            body: "".into(),
        })
    };
    vec![
        anywhere(&app.to_string(), http("anywhere", "/a", to_v1())),
        anywhere("books.invalid", http("nowhere", "/a", to_v1())),
        http("blocked", "/a", blocked()),
        http("ok", "/a", to_v1()),
        http("not-found", "/status/404", to_v1()),
        http("no-cluster", "/", nowhere()),
        closed(http("refused", "/", to_v1())),
        closed(http("refused-retried", "/", retry("connect-failure"))),
        empty(http("empty", "/", to_v1())),
        http("broken", "/break", to_v1()),
        http("broken-retried", "/break", retry("reset")),
        http("failed-retried", "/status/503", retry("5xx")),
        http("late", "/slow", timeout()),
        http("abort", "/", abort(555)),
        denied(http("denied", "/", to_v1())),
        full(http("full", "/", to_v1())),
        grpc("grpc-ok", "/echo.Echo/Echo", to_v1()),
        grpc("grpc-alone", "/fail/5", to_v1()),
        grpc("grpc-trailers", "/late/13", to_v1()),
        grpc("grpc-retried", "/fail/14", retry("unavailable")),
        grpc("grpc-reset", "/reset", to_v1()),
        Case {
            headers: &[("grpc-timeout", "50m")],
            ..grpc("grpc-deadline", "/slow", to_v1())
        },
        grpc("grpc-refuses", "/refuse", to_v1()),
        grpc("grpc-refuses-first", "/refuse/first", retry("refused-stream")),
        grpc("grpc-no-cluster", "/", nowhere()),
        closed(grpc("grpc-refused", "/", to_v1())),
        empty(grpc("grpc-empty", "/", to_v1())),
        grpc("grpc-late", "/slow", timeout()),
        grpc("grpc-abort", "/", abort(404)),
        denied(grpc("grpc-denied", "/", to_v1())),
        full(grpc("grpc-full", "/", to_v1())),
    ]
}

/// Both proxies under the plan of all cases, and where each takes the requests of each.
struct Beside {
    ours: World,
    _control_plane: ControlPlane,
    addresses: Vec<(SocketAddr, SocketAddr)>,
}

impl Beside {
    async fn start(envoy: &Envoy, cases: &[Case]) -> Self {
        let mut ours = World::new();
        let mut theirs = Plan::default();
        let addresses: Vec<_> = cases
            .iter()
            .map(|case| (case.add(&mut ours.plan), case.add(&mut theirs)))
            .collect();
        ours.apply().await;
        let control_plane = ControlPlane::start(&envoy.socket(), &theirs, &no_secrets());
        let limit = Instant::now() + Duration::from_secs(30);
        for (_, address) in &addresses {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                let refused = || control_plane.refusals();
                assert!(
                    Instant::now() < limit,
                    "Envoy does not listen on {address}: {:?}",
                    refused()
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Self {
            ours,
            _control_plane: control_plane,
            addresses,
        }
    }
}

#[tokio::test]
async fn envoy_answers_flags_and_counts_alike() {
    let Some(envoy) = Envoy::start() else {
        println!("skipped: VIGLA_ENVOY does not name an Envoy");
        return;
    };
    let (app, echo) = (App::start().await, Echo::start(100).await);
    let cases = cases(app.address, echo.address);
    let beside = Beside::start(&envoy, &cases).await;
    let mut differences = Vec::new();
    for (case, (own, peer)) in cases.iter().zip(&beside.addresses) {
        let (own, peer) = (case.ask(*own).await, case.ask(*peer).await);
        if own != peer {
            differences.push(format!("{}: we answer `{own}`, Envoy `{peer}`", case.name));
        }
    }
    // Envoy counts when a stream is gone, which may be a little after its answer.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (own, peer) = (beside.ours.proxy.metrics().await, envoy.metrics().await);
    for case in &cases {
        let (own, peer) = (case.labels(&own), case.labels(&peer));
        for key in own
            .keys()
            .chain(peer.keys())
            .collect::<std::collections::BTreeSet<_>>()
        {
            if own.get(key) != peer.get(key) {
                let (own, peer) = (own.get(key), peer.get(key));
                differences.push(format!("{}: our {key} is {own:?}, Envoy's {peer:?}", case.name));
            }
        }
    }
    assert_eq!(differences, Vec::<String>::new(), "{differences:#?}");
}

#[tokio::test]
async fn envoy_tells_browsers_the_same_sends_the_same_copies_and_has_the_same_limits() {
    let Some(envoy) = Envoy::start() else {
        println!("skipped: VIGLA_ENVOY does not name an Envoy");
        return;
    };
    let (app, shadow) = (App::start().await, App::start().await);
    let case = |name, address, route| Case {
        name,
        path: "/a",
        grpc: false,
        route,
        cluster: cluster("v1"),
        endpoints: vec![endpoint(address)],
        authorization: None,
        host: "reviews:9080".to_owned(),
        headers: &[],
        rate_limit: None,
    };
    let copied = with(|forward| {
        forward.mirrors = vec![Mirror {
            cluster: "shadow".into(),
            share: 1_000_000,
            origin: None,
        }];
    });
    let cases = [
        case("browsers", app.address, for_browsers()),
        case("copied", app.address, copied),
        case("shadow", shadow.address, to_v1()),
        Case {
            rate_limit: Some(one_an_hour()),
            ..case("limited", app.address, to_v1())
        },
    ];
    let beside = Beside::start(&envoy, &cases).await;
    let (own, peer) = beside.addresses[0];
    assert_eq!(ask_as_browser(own).await, TOLD);
    assert_eq!(ask_as_browser(peer).await, TOLD);
    let (own, peer) = beside.addresses[1];
    for (number, address) in [(1, own), (2, peer)] {
        assert_eq!(Caller::new(address).await.get("/copy").await.status, 200);
        let limit = Instant::now() + Duration::from_secs(5);
        while shadow.count() < number {
            assert!(Instant::now() < limit, "no copy from {address}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let seen = shadow.last();
        assert!(seen.starts_with("GET /copy\n"), "{seen}");
        assert!(seen.contains("host: reviews-shadow:9080\n"), "{seen}");
    }
    let (own, peer) = beside.addresses[3];
    assert_eq!(ask_until_limited(own).await, LIMITED);
    assert_eq!(ask_until_limited(peer).await, LIMITED);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (own, peer) = (beside.ours.proxy.metrics().await, envoy.metrics().await);
    for metrics in [&own, &peer] {
        let refused = metrics
            .lines()
            .find(|line| line.contains("istio_requests_total{") && line.contains("response_code=\"429\""));
        let refused = refused.expect("the refused request was counted");
        assert!(refused.contains("response_flags=\"RL\""), "{refused}");
        assert!(
            refused.contains("destination_service=\"limited.bookinfo"),
            "{refused}"
        );
    }
}
