//! What tests are made of: plans, a proxy that follows them, a caller, and a reader of metrics.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use vigla_dataplane::*;
use vigla_model::{PeerIdentity, Principal, Protocol, Reporter};
use vigla_proxy::{AccessLogOptions, Proxy, ProxyOptions};
use vigla_xds::Secret;

pub(crate) type Secrets = BTreeMap<Arc<str>, Secret>;

/// An address that nobody uses now, and that this gives nobody else.
pub(crate) fn free_address() -> SocketAddr {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap();
    loop {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        if given.insert(address.port()) {
            return address;
        }
    }
}

/// A proxy with its plan.
pub(crate) struct World {
    pub(crate) proxy: Proxy,
    pub(crate) plan: Plan,
    pub(crate) secrets: Secrets,
    log: PathBuf,
}

impl World {
    /// A proxy without anything to do.
    pub(crate) fn new() -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let log = std::env::temp_dir().join(format!("vigla-proxy-test-{}-{number}.log", std::process::id()));
        let options = ProxyOptions {
            access_log: Some(AccessLogOptions {
                path: log.clone(),
                max_bytes: 16 << 20,
            }),
            head_timeout: Duration::from_millis(200),
            ..ProxyOptions::default()
        };
        Self {
            proxy: Proxy::start(&options).unwrap(),
            plan: Plan::default(),
            secrets: Secrets::new(),
            log,
        }
    }

    /// Puts the plan in force.
    pub(crate) async fn apply(&self) {
        let problems = self
            .proxy
            .apply(Arc::new(self.plan.clone()), Arc::new(self.secrets.clone()))
            .await;
        assert_eq!(problems, Vec::<String>::new());
    }

    /// Adds a listener.
    pub(crate) fn listen(&mut self, listener: Listener) -> SocketAddr {
        let address = listener.address;
        self.plan
            .listeners
            .insert(listener.name.clone(), Arc::new(listener));
        address
    }

    /// Sets the routes of the outbound listener.
    pub(crate) fn routes(&mut self, routes: Vec<Route>) {
        let table = RouteTable {
            name: "9080".into(),
            virtual_hosts: vec![VirtualHost {
                name: "reviews:9080".into(),
                domains: vec!["reviews".into(), "reviews:9080".into()],
                routes,
            }],
        };
        self.plan.route_tables.insert("9080".into(), Arc::new(table));
    }

    /// Adds a cluster by EDS.
    pub(crate) fn cluster(&mut self, cluster: Cluster, endpoints: Vec<Endpoint>) {
        let name = cluster.name.clone();
        self.plan.clusters.insert(name.clone(), Arc::new(cluster));
        self.plan
            .endpoints
            .insert(name, Arc::new(Endpoints { endpoints }));
    }

    /// An outbound listener with one route to one application, and what it needs.
    pub(crate) async fn to_app(app: SocketAddr, route: Route) -> (Self, SocketAddr) {
        let mut world = Self::new();
        let address = world.listen(outbound());
        world.routes(vec![route]);
        world.cluster(cluster("v1"), vec![endpoint(app)]);
        world.apply().await;
        (world, address)
    }

    /// Sum of the series of a family whose labels hold all these parts.
    pub(crate) async fn metric(&self, family: &str, parts: &[&str]) -> u64 {
        let text = self.proxy.metrics().await;
        text.lines()
            .filter(|line| {
                line.strip_prefix(family)
                    .is_some_and(|rest| rest.starts_with('{'))
            })
            .filter(|line| parts.iter().all(|part| line.contains(part)))
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum()
    }

    /// Ends the proxy and gives the lines of its access log.
    pub(crate) async fn end(self) -> Vec<serde_json::Value> {
        self.proxy.drain(Duration::from_secs(2)).await;
        let text = std::fs::read_to_string(&self.log).unwrap();
        std::fs::remove_file(&self.log).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub(crate) fn identity(workload: &str, app: &str, version: &str) -> PeerIdentity {
    PeerIdentity {
        cluster: Some("demo".into()),
        namespace: Some("bookinfo".into()),
        workload: Some(workload.into()),
        app: Some(app.into()),
        version: Some(version.into()),
        principal: Some(Principal::new("cluster.local", "bookinfo", app)),
    }
}

pub(crate) fn listener(
    name: &str,
    direction: Direction,
    local: PeerIdentity,
    chains: Vec<FilterChain>,
) -> Listener {
    Listener {
        name: name.into(),
        address: free_address(),
        direction,
        chains,
        telemetry: Telemetry {
            reporter: if direction == Direction::Inbound {
                Reporter::Destination
            } else {
                Reporter::Source
            },
            local,
            service: (direction == Direction::Inbound).then(|| "reviews.bookinfo.svc.cluster.local".into()),
        },
        tracing: None,
        origin: None,
    }
}

pub(crate) fn chain(
    name: &str,
    matches: Option<bool>,
    tls: Option<DownstreamTls>,
    network: Network,
) -> FilterChain {
    FilterChain {
        name: name.into(),
        matches: ChainMatch {
            tls: matches,
            server_names: Vec::new(),
        },
        tls,
        authorization: None,
        rate_limit: None,
        network,
        origin: None,
    }
}

/// Productpage's listener for its calls to port 9080.
pub(crate) fn outbound() -> Listener {
    let network = Network::Http(RouteSource::Named("9080".into()));
    let chains = vec![chain("default", None, None, network)];
    listener(
        "outbound|9080",
        Direction::Outbound,
        identity("productpage-v1", "productpage", "v1"),
        chains,
    )
}

pub(crate) fn forward() -> Forward {
    Forward {
        clusters: vec![weighted("v1", 1)],
        ..Forward::default()
    }
}

pub(crate) fn weighted(cluster: &str, weight: u32) -> WeightedCluster {
    WeightedCluster {
        cluster: cluster.into(),
        weight,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: None,
    }
}

pub(crate) fn route(action: RouteAction) -> Route {
    Route {
        name: "default".into(),
        matches: RouteMatch::default(),
        action,
        service: Some("reviews.bookinfo.svc.cluster.local".into()),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: None,
    }
}

pub(crate) fn to_v1() -> Route {
    route(RouteAction::Forward(forward()))
}

pub(crate) fn cluster(name: &str) -> Cluster {
    Cluster {
        name: name.into(),
        discovery: Discovery::Eds,
        balancer: Balancer::RoundRobin,
        connect_timeout: Duration::from_secs(1),
        connection_pool: ConnectionPool::default(),
        outlier: None,
        tls: UpstreamTls::None,
        service: Some("reviews.bookinfo.svc.cluster.local".into()),
        protocol: Protocol::Http,
        http: HttpVersion::Http1,
        origin: None,
    }
}

pub(crate) fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        address,
        identity: identity("reviews-v1", "reviews", "v1"),
        mesh_tls: false,
        weight: 1,
        healthy: true,
    }
}

/// A caller with a connection of its own.
pub(crate) struct Caller {
    sender: http1::SendRequest<Full<Bytes>>,
}

/// An answer as tests read it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: String,
}

impl Caller {
    pub(crate) async fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, hyper::Error> {
        self.sender.ready().await?;
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(get("reviews:9080", path)).await.unwrap()
    }
}

pub(crate) fn get(host: &str, path: &str) -> Request<Full<Bytes>> {
    Request::get(path)
        .header("host", host)
        .body(Full::default())
        .unwrap()
}
