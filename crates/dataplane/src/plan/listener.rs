//! Listeners: sockets, filter chains, and what reads the bytes.

use std::{net::SocketAddr, sync::Arc};

use vigla_model::{Fqdn, Origin, PeerIdentity, Reporter};

use super::{Authorization, RateLimit, RouteSource};

/// One listening socket.
#[derive(Debug, Clone, PartialEq)]
pub struct Listener {
    /// Unique name, such as `outbound|9080` or `inbound|9080`.
    pub name: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Which side of the workload it serves.
    pub direction: Direction,
    /// Filter chains in order; the first whose match fits takes the connection. None fits: the connection is
    /// closed and counted as refused (flag `NR`).
    pub chains: Vec<FilterChain>,
    /// Labels under which this listener counts.
    pub telemetry: Telemetry,
    /// Spans for its requests; `None`: none are made, headers of callers pass through. Always `None` without HTTP.
    pub tracing: Option<Tracing>,
    /// The object that made the listener, when there is one.
    pub origin: Option<Origin>,
}

/// Which side of the workload a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From other workloads to this one.
    Inbound,
    /// From this workload to others.
    Outbound,
    /// From outside the mesh: a gateway. Counts as source, as Istio's gateways do.
    Gateway,
}

/// Labels that are the same for all that a listener counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// Source for outbound and gateway listeners, destination for inbound ones.
    pub reporter: Reporter,
    /// The proxy's own workload.
    pub local: PeerIdentity,
    /// Inbound only: the service and its host that this port belongs to, when exactly one does.
    pub service: Option<Fqdn>,
}

/// Spans of requests, by OpenTelemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracing {
    /// Share of the traces that start here which are recorded, in millionths. A caller's own decision counts first.
    pub sampling: u32,
    /// Where spans go, by OTLP over gRPC. Envoy reaches it by the cluster [`Tracing::cluster`], which stands in the
    /// same plan.
    pub collector: SocketAddr,
    /// `service.name` of the spans, such as `reviews.bookinfo`.
    pub service: Arc<str>,
}

impl Tracing {
    /// Name of the cluster of a collector, such as `otlp|127.0.0.1:4317`.
    pub fn cluster(collector: SocketAddr) -> Arc<str> {
        format!("otlp|{collector}").into()
    }

    /// The collector that such a name means.
    pub fn collector_of(cluster: &str) -> Option<SocketAddr> {
        cluster.strip_prefix("otlp|")?.parse().ok()
    }
}

/// What is done with a connection that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterChain {
    /// Unique within the listener, such as `tls` or `plaintext`.
    pub name: Arc<str>,
    /// When the chain takes a connection.
    pub matches: ChainMatch,
    /// TLS that is terminated here; `None` for plain text.
    pub tls: Option<DownstreamTls>,
    /// Who may call, and what; `None`: everybody, everything. HTTP chains ask for each request, TCP chains when the
    /// connection opens.
    pub authorization: Option<Arc<Authorization>>,
    /// How many requests it takes; `None`: any number. Always `None` without HTTP.
    pub rate_limit: Option<Arc<RateLimit>>,
    /// What reads the bytes.
    pub network: Network,
    /// The object that decided the chain: a PeerAuthentication, a Gateway server; `None` for a default.
    pub origin: Option<Origin>,
}

/// When a filter chain takes a connection. Empty fields match all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChainMatch {
    /// `Some(true)`: the first bytes are a TLS hello; `Some(false)`: they are not.
    pub tls: Option<bool>,
    /// Names in the TLS hello, exact or `*.suffix`.
    pub server_names: Vec<Arc<str>>,
}

/// TLS towards callers. Key, chain and trust anchors come by SDS.
#[derive(Debug, Clone, PartialEq)]
pub struct DownstreamTls {
    /// SDS name of key and chain: [`WORKLOAD_SECRET`] or a gateway's credential.
    pub certificate: Arc<str>,
    /// SDS name of the trust anchors for client certificates ([`ROOTS_SECRET`]); `None`: none is asked for.
    pub client_roots: Option<Arc<str>>,
}

/// SDS name of a workload's own key and certificate chain, as in Istio.
pub const WORKLOAD_SECRET: &str = "default";
/// SDS name of the mesh's trust anchors, as in Istio.
pub const ROOTS_SECRET: &str = "ROOTCA";

/// SDS name of a credential: key and chain of a Secret, as in Istio.
pub fn credential_secret(name: &str) -> Arc<str> {
    format!("{CREDENTIAL}{name}").into()
}

/// SDS name of the trust anchors of a credential, as in Istio.
pub fn credential_roots_secret(name: &str) -> Arc<str> {
    format!("{CREDENTIAL}{name}{CREDENTIAL_ROOTS}").into()
}

/// Which credential an SDS name means, and whether it means its trust anchors; `None`: the mesh's own secrets.
pub fn credential_of_secret(secret: &str) -> Option<(&str, bool)> {
    let name = secret.strip_prefix(CREDENTIAL)?;
    match name.strip_suffix(CREDENTIAL_ROOTS) {
        Some(name) => Some((name, true)),
        None => Some((name, false)),
    }
}

const CREDENTIAL: &str = "kubernetes://";
const CREDENTIAL_ROOTS: &str = "-cacert";

impl Listener {
    /// SDS names of all that its chains show, and check callers by.
    pub fn secrets(&self) -> impl Iterator<Item = Arc<str>> {
        let tls = self.chains.iter().filter_map(|chain| chain.tls.as_ref());
        tls.flat_map(|tls| [Some(Arc::clone(&tls.certificate)), tls.client_roots.clone()])
            .flatten()
    }
}

/// What reads the bytes of a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Network {
    /// HTTP with routes.
    Http(RouteSource),
    /// Bytes, to one cluster for each connection.
    Tcp {
        /// Clusters by weight; at least one.
        clusters: Vec<TcpCluster>,
    },
}

/// One destination of a TCP chain.
#[derive(Debug, Clone, PartialEq)]
pub struct TcpCluster {
    /// Name of the cluster. It may be missing from the plan: then connections are closed (`NC`).
    pub cluster: Arc<str>,
    /// Share of the connections among the weights; at least 1.
    pub weight: u32,
    /// The destination in the rule; `None` for a default.
    pub origin: Option<Origin>,
}

impl Network {
    /// TCP to one cluster.
    pub fn tcp(cluster: Arc<str>) -> Self {
        let clusters = vec![TcpCluster {
            cluster,
            weight: 100,
            origin: None,
        }];
        Self::Tcp { clusters }
    }
}
