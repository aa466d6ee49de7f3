//! A plan with one of everything, for tests of this crate.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use vigla_dataplane::*;
use vigla_model::{Fqdn, Location, ObjectRef, Origin, PeerIdentity, Principal, Protocol, Reporter};

pub(crate) const REVIEWS: &str = "reviews.bookinfo.svc.cluster.local";

pub(crate) fn origin(kind: &str, path: &str, line: Option<u32>) -> Option<Origin> {
    Some(Origin {
        object: ObjectRef::new("networking.istio.io", kind, "bookinfo", "reviews"),
        path: path.into(),
        location: line.map(|line| Location {
            file: "bookinfo/reviews.yaml".into(),
            line,
            column: 7,
        }),
    })
}

pub(crate) fn identity(workload: &str) -> PeerIdentity {
    PeerIdentity {
        cluster: Some("demo".into()),
        namespace: Some("bookinfo".into()),
        workload: Some(workload.into()),
        app: Some("reviews".into()),
        version: Some("v1".into()),
        principal: Some(Principal::new("cluster.local", "bookinfo", "bookinfo-reviews")),
    }
}

fn edits() -> HeaderEdits {
    HeaderEdits {
        remove: vec!["x-gone".into()],
        set: vec![
            ("x-share".into(), "50% of %REQ(x)%".into()),
            ("x-empty".into(), "".into()),
        ],
        add: vec![("x-more".into(), "yes".into())],
    }
}

fn weighted(subset: &str, weight: u32, edits: HeaderEdits) -> WeightedCluster {
    WeightedCluster {
        cluster: format!("outbound|9080|{subset}|{REVIEWS}").into(),
        weight,
        request_headers: edits.clone(),
        response_headers: edits,
        origin: origin("VirtualService", "spec.http[0].route[0]", Some(12)),
    }
}

pub(crate) fn route(name: &str, matches: RouteMatch, action: RouteAction) -> Route {
    Route {
        name: name.into(),
        matches,
        action,
        service: Some(Fqdn::new(REVIEWS)),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: origin("VirtualService", "spec.http[0]", None),
    }
}

fn full_match() -> RouteMatch {
    let header = |name: &str, value, invert| HeaderMatch {
        name: name.into(),
        value,
        invert,
    };
    let pattern = || Pattern::new("a|b+").unwrap();
    RouteMatch {
        path: PathMatch::Exact("/reviews/0".into()),
        ignore_path_case: true,
        headers: vec![
            header(":method", StringMatch::Exact("GET".into()), false),
            header("end-user", StringMatch::Prefix("ja".into()), true),
            header("x-a", StringMatch::Regex(pattern()), true),
            header("x-b", StringMatch::Present, false),
            header("x-c", StringMatch::Present, true),
        ],
        query: vec![
            QueryMatch {
                name: "q".into(),
                value: StringMatch::Regex(pattern()),
            },
            QueryMatch {
                name: "p".into(),
                value: StringMatch::Present,
            },
        ],
    }
}

pub(crate) fn routes() -> Vec<Route> {
    let path = |path| RouteMatch {
        path,
        ..RouteMatch::default()
    };
    let full = Forward {
        clusters: vec![
            weighted("v1", 90, edits()),
            weighted("v2", 10, HeaderEdits::default()),
        ],
        timeout: Some(Duration::from_millis(1500)),
        retry: Some(Retry {
            attempts: 3,
            on: vec!["connect-failure".into(), "retriable-status-codes".into()],
            statuses: vec![503],
            per_try_timeout: Some(Duration::from_millis(250)),
            body_limit: 1024,
        }),
        path: Some(PathRewrite::Prefix("/v2".into())),
        authority: Some("other".into()),
        fault: Some(Fault {
            delay: Some((1_000, Duration::from_secs(7))),
            abort: Some((300_000, 500)),
            origin: origin("VirtualService", "spec.http[0].fault", Some(20)),
        }),
        mirrors: vec![
            Mirror {
                cluster: "outside".into(),
                share: 250_000,
                origin: None,
            },
            Mirror {
                cluster: "tcp".into(),
                share: 1_000_000,
                origin: origin("VirtualService", "spec.http[0].mirrors[1]", Some(21)),
            },
        ],
        cors: Some(Arc::new(Cors {
            allow_origins: vec![
                StringMatch::Exact("https://shop.example".into()),
                StringMatch::Regex(Pattern::new("https://.+").unwrap()),
                StringMatch::Present,
            ],
            allow_methods: vec!["GET".into(), "PUT".into()],
            allow_headers: vec!["x-user".into()],
            expose_headers: Vec::new(),
            max_age: Some(Duration::from_secs(86_400)),
            allow_credentials: Some(false),
            forward_unmatched: true,
            origin: origin("VirtualService", "spec.http[0].corsPolicy", Some(22)),
        })),
        hash: vec![
            HashKey::Header("x-user".into()),
            HashKey::Cookie {
                name: "session".into(),
                path: "/".into(),
                ttl: Some(Duration::ZERO),
            },
            HashKey::SourceIp,
            HashKey::Query("user".into()),
        ],
    };
    let single = Forward {
        clusters: vec![weighted("v3", 7, HeaderEdits::default())],
        path: Some(PathRewrite::Regex {
            pattern: Pattern::new("/(.)/").unwrap(),
            substitution: r"/\1\1/".into(),
        }),
        retry: Some(Retry::default()),
        ..Forward::default()
    };
    let redirect = Redirect {
        status: 308,
        scheme: Some("https".into()),
        host: Some("example.com".into()),
        port: Some(8443),
        path: Some(RedirectPath::Full("/new".into())),
    };
    let mut first = route("full", full_match(), RouteAction::Forward(full));
    first.request_headers = edits();
    first.response_headers = edits();
    let mut last = route(
        "default",
        RouteMatch::default(),
        RouteAction::Forward(Forward {
            clusters: vec![WeightedCluster {
                origin: None,
                ..weighted("", 100, HeaderEdits::default())
            }],
            ..Forward::default()
        }),
    );
    (last.service, last.origin) = (None, None);
    vec![
        first,
        route(
            "one",
            path(PathMatch::Prefix("/".into())),
            RouteAction::Forward(single),
        ),
        route(
            "there",
            path(PathMatch::SegmentPrefix("/old".into())),
            RouteAction::Redirect(redirect),
        ),
        route(
            "regex",
            path(PathMatch::Regex(Pattern::new("/a.*").unwrap())),
            RouteAction::Redirect(Redirect {
                status: 301,
                scheme: None,
                host: None,
                port: None,
                path: Some(RedirectPath::Prefix("/b".into())),
            }),
        ),
        route(
            "self",
            path(PathMatch::Exact("/teapot".into())),
            RouteAction::Respond {
                status: 418,
                body: "short".into(),
            },
        ),
        route(
            "none",
            path(PathMatch::Exact("/empty".into())),
            RouteAction::Respond {
                status: 204,
                body: "".into(),
            },
        ),
        last,
    ]
}

pub(crate) fn table(name: &str, domains: &[&str], routes: Vec<Route>) -> RouteTable {
    RouteTable {
        name: name.into(),
        virtual_hosts: vec![VirtualHost {
            name: format!("{REVIEWS}:9080").into(),
            domains: domains.iter().map(|domain| (*domain).into()).collect(),
            routes,
        }],
    }
}

fn chain(name: &str, tls: Option<bool>, mutual: bool, network: Network) -> FilterChain {
    FilterChain {
        name: name.into(),
        matches: ChainMatch {
            tls,
            server_names: Vec::new(),
        },
        tls: (tls == Some(true)).then(|| DownstreamTls {
            certificate: WORKLOAD_SECRET.into(),
            client_roots: mutual.then(|| ROOTS_SECRET.into()),
        }),
        authorization: None,
        rate_limit: None,
        network,
        origin: origin("PeerAuthentication", "spec.mtls", Some(3)),
    }
}

fn conditions() -> Vec<Condition> {
    let texts = || ["a.b", "c*", "*d-e", "*"].map(TextMatch::parse).to_vec();
    let subnets = || {
        vec![
            Subnet::parse("10.0.0.0/8").unwrap(),
            Subnet::parse("::1").unwrap(),
        ]
    };
    let all = [
        Wanted::Principal(texts()),
        Wanted::Namespace(texts()),
        Wanted::SourceIp(subnets()),
        Wanted::RemoteIp(subnets()),
        Wanted::Header("x-team".into(), texts()),
        Wanted::SourceIp(Vec::new()),
        Wanted::Port(vec![80, 9080]),
        Wanted::ServerName(texts()),
        Wanted::Port(Vec::new()),
        Wanted::Host(texts()),
        Wanted::Method(texts()),
        Wanted::Path(texts()),
    ];
    let both = |wanted: Wanted| {
        [false, true].map(|invert| Condition {
            wanted: wanted.clone(),
            invert,
        })
    };
    all.into_iter().flat_map(both).collect()
}

/// Rules with every condition, of requests only where `requests` says so.
pub(crate) fn authorization(requests: bool) -> Option<Arc<Authorization>> {
    let fit = |condition: &Condition| requests || !condition.wanted.is_of_request();
    let (from, to): (Vec<_>, Vec<_>) = conditions()
        .into_iter()
        .filter(fit)
        .partition(|condition| condition.wanted.is_of_caller());
    let rule = |number: u32, from: Vec<Vec<Condition>>, to: Vec<Vec<Condition>>| AuthorizationRule {
        name: format!("ns[bookinfo]-policy[reviews]-rule[{number}]").into(),
        from,
        to,
        origin: origin("AuthorizationPolicy", "spec.rules[0]", Some(number)),
    };
    let each = |all: &[Condition]| all.iter().map(|one| vec![one.clone()]).collect();
    let all = vec![
        rule(1, vec![from.clone()], vec![to.clone()]),
        rule(2, each(&from), each(&to)),
    ];
    Some(Arc::new(Authorization {
        deny: all,
        allow: Some(if requests {
            vec![rule(3, Vec::new(), Vec::new())]
        } else {
            Vec::new()
        }),
    }))
}

pub(crate) fn tracing() -> Option<Tracing> {
    Some(Tracing {
        sampling: 123_456,
        collector: ([127, 0, 0, 1], 4317).into(),
        service: "productpage.bookinfo".into(),
    })
}

fn pool() -> ConnectionPool {
    ConnectionPool {
        max_connections: Some(1),
        max_pending_requests: Some(2),
        max_requests: Some(3),
        max_retries: Some(4),
        max_requests_per_connection: Some(5),
        idle_timeout: Some(Duration::from_secs(6)),
        keepalive: Some(Keepalive {
            probes: Some(7),
            time: Some(Duration::from_secs(8)),
            interval: None,
        }),
        origin: origin("DestinationRule", "spec.trafficPolicy.connectionPool", Some(4)),
    }
}

fn outlier() -> Option<Outlier> {
    Some(Outlier {
        consecutive_5xx: None,
        consecutive_gateway_errors: Some(3),
        consecutive_local_origin_failures: Some(4),
        split_external_local_origin_errors: true,
        interval: Duration::from_millis(100),
        base_ejection_time: Duration::from_secs(2),
        max_ejection_percent: 100,
        min_health_percent: 20,
        origin: origin("DestinationRule", "spec.trafficPolicy.outlierDetection", None),
    })
}

/// TLS by a credential, which only a stream brings.
pub(crate) fn by_credential() -> UpstreamTls {
    UpstreamTls::Simple(Origination {
        sni: None,
        subject_alt_names: vec!["books.example".into()],
        roots: TlsRoots::Secret(credential_roots_secret("books")),
        client: Some(ClientCertificate::Secret(credential_secret("books"))),
    })
}

fn origination() -> UpstreamTls {
    UpstreamTls::Simple(Origination {
        sni: Some("books.example".into()),
        subject_alt_names: vec!["books.example".into(), "spiffe://other/ns/a/sa/b".into()],
        roots: TlsRoots::System,
        client: None,
    })
}

fn listener(name: &str, address: &str, direction: Direction, chains: Vec<FilterChain>) -> Listener {
    let inbound = direction == Direction::Inbound;
    let is_http = chains
        .iter()
        .any(|chain| matches!(chain.network, Network::Http(_)));
    Listener {
        name: name.into(),
        address: address.parse().unwrap(),
        direction,
        chains,
        telemetry: Telemetry {
            reporter: if inbound {
                Reporter::Destination
            } else {
                Reporter::Source
            },
            local: identity("productpage-v1"),
            service: inbound.then(|| Fqdn::new(REVIEWS)),
        },
        tracing: tracing().filter(|_| is_http && direction != Direction::Gateway),
        origin: None,
    }
}

pub(crate) fn cluster(name: &str, discovery: Discovery, tls: UpstreamTls, protocol: Protocol) -> Cluster {
    Cluster {
        name: name.into(),
        discovery,
        balancer: Balancer::LeastRequest,
        connect_timeout: Duration::from_secs(10),
        connection_pool: ConnectionPool::default(),
        outlier: None,
        tls,
        service: Some(Fqdn::new(REVIEWS)),
        protocol,
        http: if protocol == Protocol::Grpc {
            HttpVersion::Http2
        } else {
            HttpVersion::Http1
        },
        origin: origin("DestinationRule", "spec.subsets[0]", Some(9)),
    }
}

pub(crate) fn endpoint(address: &str, mesh_tls: bool) -> Endpoint {
    Endpoint {
        address: address.parse().unwrap(),
        identity: identity("reviews-v1"),
        mesh_tls,
        weight: 3,
        healthy: mesh_tls,
    }
}

/// A plan that uses every part. Listeners use ports from `base` on, on 127.0.0.1.
pub(crate) fn plan(base: u16) -> Plan {
    let at = |offset: u16| format!("127.0.0.1:{}", base + offset);
    let mesh = |auto| UpstreamTls::Mesh {
        auto,
        sni: format!("outbound_.9080_._.{REVIEWS}").into(),
        principals: vec![
            Principal::new("cluster.local", "bookinfo", "bookinfo-reviews"),
            Principal::new("cluster.local", "bookinfo", "default"),
        ],
    };
    let app: Arc<str> = "inbound|9080||".into();
    let inline = || {
        let to_app = RouteAction::Forward(Forward {
            clusters: vec![WeightedCluster {
                cluster: Arc::clone(&app),
                weight: 100,
                request_headers: HeaderEdits::default(),
                response_headers: HeaderEdits::default(),
                origin: None,
            }],
            ..Forward::default()
        });
        let routes = vec![route("default", RouteMatch::default(), to_app)];
        Network::Http(RouteSource::Inline(Arc::new(table(&app, &["*"], routes))))
    };
    let tcp = || Network::tcp(Arc::clone(&app));
    let mut weighted_tcp = chain(
        "weighted",
        None,
        false,
        Network::Tcp {
            clusters: ["outside", "tcp"]
                .map(|name| TcpCluster {
                    cluster: name.into(),
                    weight: 50,
                    origin: origin("VirtualService", "spec.tcp[0].route[0]", Some(2)),
                })
                .to_vec(),
        },
    );
    weighted_tcp.authorization = authorization(false);
    let mut guarded = chain("tls", Some(true), true, inline());
    guarded.authorization = authorization(true);
    guarded.rate_limit = Some(Arc::new(RateLimit {
        max_tokens: 100,
        tokens_per_fill: 10,
        fill_interval: Duration::from_millis(250),
        enforced: 500_000,
        status: 429,
        response_headers: vec![("x-limited".into(), "yes".into())],
        origin: origin(
            "EnvoyFilter",
            "spec.configPatches[0].patch.value.typed_config",
            Some(7),
        ),
    }));
    let mut sni = chain("sni", Some(true), false, tcp());
    sni.matches.server_names = vec!["a.example".into(), "*.b.example".into()];
    let named = |name: &str| Network::Http(RouteSource::Named(name.into()));
    let listeners = [
        listener(
            "inbound|9080",
            &at(0),
            Direction::Inbound,
            vec![guarded, chain("plaintext", Some(false), false, inline())],
        ),
        listener(
            "inbound|27017",
            &at(1),
            Direction::Inbound,
            vec![chain("tls", Some(true), true, tcp())],
        ),
        listener(
            "outbound|9080",
            &at(2),
            Direction::Outbound,
            vec![chain("http", None, false, named("9080"))],
        ),
        listener(
            "gateway|80",
            &at(3),
            Direction::Gateway,
            vec![chain("http", None, false, named("http.80"))],
        ),
        listener("gateway|443", &at(4), Direction::Gateway, vec![sni]),
        listener("outbound|27017", &at(5), Direction::Outbound, vec![weighted_tcp]),
    ];
    let outbound = |subset: &str| format!("outbound|9080|{subset}|{REVIEWS}");
    let mut unknown = endpoint("127.0.0.1:9", false);
    unknown.identity = PeerIdentity::default();
    let names = || {
        let name = |host: &str| DnsEndpoint {
            host: host.into(),
            port: 443,
            identity: PeerIdentity::default(),
            weight: 2,
        };
        Discovery::Dns(vec![name("books.example"), name("more.example")])
    };
    let clusters = [
        Cluster {
            connection_pool: pool(),
            outlier: outlier(),
            http: HttpVersion::Http2,
            ..cluster("outside", names(), origination(), Protocol::Http)
        },
        Cluster {
            connection_pool: ConnectionPool {
                keepalive: Some(Keepalive::default()),
                ..ConnectionPool::default()
            },
            outlier: Some(Outlier::default()),
            ..cluster(
                "otlp|127.0.0.1:4317",
                Discovery::Static(vec![endpoint("127.0.0.1:4317", false)]),
                UpstreamTls::Simple(Origination {
                    sni: None,
                    subject_alt_names: Vec::new(),
                    roots: TlsRoots::Unchecked,
                    client: None,
                }),
                Protocol::Grpc,
            )
        },
        cluster(&outbound(""), Discovery::Eds, mesh(true), Protocol::Http),
        Cluster {
            balancer: Balancer::RingHash { entries: Some(2048) },
            ..cluster(&outbound("v1"), Discovery::Eds, mesh(false), Protocol::Grpc)
        },
        Cluster {
            balancer: Balancer::Maglev {
                entries: Some(65_537),
            },
            ..cluster(&outbound("v2"), Discovery::Eds, UpstreamTls::None, Protocol::Http)
        },
        cluster(
            &app,
            Discovery::Static(vec![unknown]),
            UpstreamTls::None,
            Protocol::Http,
        ),
        Cluster {
            http: HttpVersion::AsCaller,
            ..cluster(
                PASSTHROUGH_CLUSTER,
                Discovery::Passthrough,
                UpstreamTls::None,
                Protocol::Http,
            )
        },
        Cluster {
            balancer: Balancer::Random,
            service: None,
            origin: None,
            ..cluster("tcp", Discovery::Static(Vec::new()), mesh(true), Protocol::Tcp)
        },
    ];
    let endpoints = [
        (
            outbound(""),
            vec![endpoint("127.0.0.1:1", true), endpoint("127.0.0.1:2", false)],
        ),
        (outbound("v1"), vec![endpoint("[::1]:1", true)]),
        (outbound("v2"), Vec::new()),
    ];
    let tables = [
        table("9080", &["reviews", "reviews:9080"], routes()),
        table("http.80", &["*"], routes()),
    ];
    Plan {
        listeners: by_name(listeners, |part| &part.name),
        route_tables: by_name(tables, |part| &part.name),
        clusters: by_name(clusters, |part| &part.name),
        endpoints: endpoints
            .into_iter()
            .map(|(name, endpoints)| (name.into(), Arc::new(Endpoints { endpoints })))
            .collect(),
    }
}

fn by_name<T>(parts: impl IntoIterator<Item = T>, name: fn(&T) -> &Arc<str>) -> BTreeMap<Arc<str>, Arc<T>> {
    parts
        .into_iter()
        .map(|part| (Arc::clone(name(&part)), Arc::new(part)))
        .collect()
}
