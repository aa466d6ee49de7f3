//! One outbound listener in front of one upstream, without a control plane: for profilers.
//!
//! `cargo run --release -p vigla-proxy --example one_hop -- 127.0.0.1:13001 127.0.0.1:9000 /tmp/access.log`

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use vigla_dataplane::{
    Balancer, ChainMatch, Cluster, ConnectionPool, Direction, Discovery, Endpoint, FilterChain, Forward,
    HeaderEdits, HttpVersion, Listener, Network, Plan, Retry, Route, RouteAction, RouteMatch, RouteSource,
    RouteTable, Telemetry, UpstreamTls, VirtualHost, WeightedCluster,
};
use vigla_model::{PeerIdentity, Protocol, Reporter};
use vigla_proxy::{AccessLogOptions, Proxy, ProxyOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next();
    let listen: SocketAddr = next().context("first argument: where to listen")?.parse()?;
    let upstream: SocketAddr = next().context("second argument: the upstream")?.parse()?;
    let access_log = next().map(|path| AccessLogOptions {
        path: path.into(),
        max_bytes: 64 << 20,
    });
    let options = ProxyOptions {
        access_log,
        ..ProxyOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let proxy = Proxy::start(&options)?;
        let problems = proxy
            .apply(Arc::new(plan(listen, upstream)), Arc::new(BTreeMap::new()))
            .await;
        anyhow::ensure!(problems.is_empty(), "{problems:?}");
        tokio::signal::ctrl_c().await?;
        proxy.drain(Duration::from_secs(1)).await;
        Ok(())
    })
}

fn plan(listen: SocketAddr, upstream: SocketAddr) -> Plan {
    let identity = |workload: &str| PeerIdentity {
        namespace: Some("default".into()),
        workload: Some(workload.into()),
        ..PeerIdentity::default()
    };
    let cluster: Arc<str> = "outbound|9080||server.default.svc.cluster.local".into();
    let forward = Forward {
        clusters: vec![WeightedCluster {
            cluster: cluster.clone(),
            weight: 1,
            request_headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
            origin: None,
        }],
        // Istio's default, so that its price is measured too.
        retry: Some(Retry {
            attempts: 2,
            on: [
                "connect-failure",
                "refused-stream",
                "unavailable",
                "cancelled",
                "retriable-status-codes",
            ]
            .map(Into::into)
            .into(),
            statuses: vec![503],
            ..Retry::default()
        }),
        ..Forward::default()
    };
    let route = Route {
        name: "default".into(),
        matches: RouteMatch::default(),
        action: RouteAction::Forward(forward),
        service: Some("server.default.svc.cluster.local".into()),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: None,
    };
    let table = RouteTable {
        name: "9080".into(),
        virtual_hosts: vec![VirtualHost {
            name: "any".into(),
            domains: vec!["*".into()],
            routes: vec![route],
        }],
    };
    let listener = Listener {
        name: "outbound|9080".into(),
        address: listen,
        direction: Direction::Outbound,
        chains: vec![FilterChain {
            name: "default".into(),
            matches: ChainMatch::default(),
            tls: None,
            authorization: None,
            rate_limit: None,
            network: Network::Http(RouteSource::Inline(Arc::new(table))),
            origin: None,
        }],
        telemetry: Telemetry {
            reporter: Reporter::Source,
            local: identity("client"),
            service: None,
        },
        tracing: None,
        origin: None,
    };
    let endpoint = Endpoint {
        address: upstream,
        identity: identity("server"),
        mesh_tls: false,
        weight: 1,
        healthy: true,
    };
    let cluster = Cluster {
        name: cluster,
        discovery: Discovery::Static(vec![endpoint]),
        balancer: Balancer::LeastRequest,
        connect_timeout: Duration::from_secs(1),
        connection_pool: ConnectionPool::default(),
        outlier: None,
        tls: UpstreamTls::None,
        service: Some("server.default.svc.cluster.local".into()),
        protocol: Protocol::Http,
        http: HttpVersion::Http1,
        origin: None,
    };
    Plan {
        listeners: [(listener.name.clone(), Arc::new(listener))].into(),
        clusters: [(cluster.name.clone(), Arc::new(cluster))].into(),
        ..Plan::default()
    }
}
