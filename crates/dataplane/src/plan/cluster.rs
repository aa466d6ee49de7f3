//! Clusters: where requests can be sent, and under which policy.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use vigla_model::{Fqdn, Origin, PeerIdentity, Principal, Protocol};

use super::{ROOTS_SECRET, WORKLOAD_SECRET};

/// Where requests can be sent: endpoints under one policy (Envoy's Cluster).
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Name.
    pub name: Arc<str>,
    /// How endpoints are found.
    pub discovery: Discovery,
    /// How an endpoint is picked.
    pub balancer: Balancer,
    /// Limit for a connection.
    pub connect_timeout: Duration,
    /// Bounds of what is open or waits at a time (circuit breaking).
    pub connection_pool: ConnectionPool,
    /// When endpoints that fail are left out for a while; `None`: never.
    pub outlier: Option<Outlier>,
    /// TLS towards the endpoints.
    pub tls: UpstreamTls,
    /// Service that the cluster belongs to, when there is one.
    pub service: Option<Fqdn>,
    /// What is spoken to the endpoints.
    pub protocol: Protocol,
    /// Version of HTTP that is spoken to the endpoints; without meaning for TCP.
    pub http: HttpVersion,
    /// The DestinationRule or Service that made it.
    pub origin: Option<Origin>,
}

/// Version of HTTP towards endpoints. Callers may use either: listeners tell them apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: gRPC, ports named `http2`, and where a rule upgrades.
    Http2,
    /// The caller's: where nothing is known of the endpoints.
    AsCaller,
}

/// How a cluster's endpoints are found.
#[derive(Debug, Clone, PartialEq)]
pub enum Discovery {
    /// From [`Plan::endpoints`](crate::Plan::endpoints), delivered by EDS.
    Eds,
    /// Written in the cluster.
    Static(Vec<Endpoint>),
    /// By DNS: all addresses of all names are endpoints (Envoy's strict DNS).
    Dns(Vec<DnsEndpoint>),
    /// Wherever a request wants to go: its authority tells host and port, and DNS the addresses (Envoy's dynamic forward
    /// proxy). For HTTP only.
    Passthrough,
}

/// Cluster of calls to hosts that nobody registered, as in Istio; they count for it as their service.
pub const PASSTHROUGH_CLUSTER: &str = "PassthroughCluster";
/// Service for which calls count that are refused because nobody registered their host, as in Istio.
pub const BLACK_HOLE_CLUSTER: &str = "BlackHoleCluster";

/// Addresses that a name in DNS stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct DnsEndpoint {
    /// The name, such as `books.example`; an IP address is its own address.
    pub host: Arc<str>,
    /// Port of each address.
    pub port: u16,
    /// Who answers there, for metrics; empty for hosts outside the mesh.
    pub identity: PeerIdentity,
    /// Share among the endpoints; at least 1.
    pub weight: u32,
}

/// How an endpoint is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balancer {
    /// The less busy of two picked by chance (Istio's default).
    LeastRequest,
    /// One after the other.
    RoundRobin,
    /// By chance.
    Random,
    /// By the hash of the request ([`Forward::hash`](crate::Forward::hash)), by chance without one. `vigla-proxy` picks
    /// the endpoint that scores highest for the hash, which moves the fewest keys when endpoints come and go; so the
    /// sizes of Envoy's tables say nothing to it.
    RingHash {
        /// Least entries of Envoy's ring; `None`: its default.
        entries: Option<u32>,
    },
    /// The same by Envoy's other table.
    Maglev {
        /// Its entries, a prime number; `None`: its default.
        entries: Option<u32>,
    },
}

/// Bounds of a cluster for one proxy. What is over a bound is refused with 503 and flag `UO`; `None`: no bound.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConnectionPool {
    /// Connections to all endpoints together.
    pub max_connections: Option<u32>,
    /// Requests (or TCP connections) that wait for a connection.
    pub max_pending_requests: Option<u32>,
    /// Requests that are open to all endpoints together.
    pub max_requests: Option<u32>,
    /// Retries that are open to all endpoints together.
    pub max_retries: Option<u32>,
    /// Requests after which a connection is closed; 1 means no keep-alive.
    pub max_requests_per_connection: Option<u32>,
    /// How long a connection without requests stays open; `None`: an hour, as in Envoy.
    pub idle_timeout: Option<Duration>,
    /// Probes by which the kernel finds dead connections; `None`: none.
    pub keepalive: Option<Keepalive>,
    /// The `connectionPool` that decides; `None` for the defaults.
    pub origin: Option<Origin>,
}

/// TCP keep-alive. Absent values are the kernel's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keepalive {
    /// Probes without answer after which the connection is dead.
    pub probes: Option<u32>,
    /// Silence before the first probe; whole seconds.
    pub time: Option<Duration>,
    /// Time between probes; whole seconds.
    pub interval: Option<Duration>,
}

/// When an endpoint is ejected (passive health checks), and for how long. One that is ejected for the nth time in a row
/// stays out for n times the base, at most 300 s or the base, whichever is longer.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlier {
    /// Answers of 5xx in a row, broken connections and timeouts among them; `None`: not counted.
    pub consecutive_5xx: Option<u32>,
    /// Answers of 502, 503 and 504 in a row; `None`: not counted.
    pub consecutive_gateway_errors: Option<u32>,
    /// Failures to connect and timeouts in a row; counted only where [`Outlier::split_external_local_origin_errors`]
    /// holds, and then those do not count as 5xx. `None`: not counted.
    pub consecutive_local_origin_failures: Option<u32>,
    /// Whether failures of the connection are counted apart from answers.
    pub split_external_local_origin_errors: bool,
    /// Time between looks at those that are ejected.
    pub interval: Duration,
    /// How long the first ejection lasts.
    pub base_ejection_time: Duration,
    /// Share of the endpoints, in percent, that may be out at a time, the one that would go among them: at Istio's 10 %
    /// none of fewer than ten goes. Seen on Envoy 1.40: of three one goes at 34 % and none at 33 %.
    pub max_ejection_percent: u32,
    /// Share of healthy endpoints, in percent, below which health is ignored and all are called (Envoy's panic); 0:
    /// never.
    pub min_health_percent: u32,
    /// The `outlierDetection` that decides.
    pub origin: Option<Origin>,
}

impl Default for Outlier {
    /// Istio's values for what is not written.
    fn default() -> Self {
        Self {
            consecutive_5xx: Some(5),
            consecutive_gateway_errors: None,
            consecutive_local_origin_failures: None,
            split_external_local_origin_errors: false,
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_percent: 10,
            min_health_percent: 0,
            origin: None,
        }
    }
}

/// TLS towards endpoints.
#[derive(Debug, Clone, PartialEq)]
pub enum UpstreamTls {
    /// Plain text.
    None,
    /// The mesh's mutual TLS; with `auto` only towards endpoints that have a sidecar.
    Mesh {
        /// True: endpoints without sidecar get plain text (auto mTLS); false: all get TLS (`ISTIO_MUTUAL`).
        auto: bool,
        /// Server name sent: `outbound_.9080_.v1_.reviews.bookinfo.svc.cluster.local`.
        sni: Arc<str>,
        /// SPIFFE ids that an endpoint may show; never empty.
        principals: Vec<Principal>,
    },
    /// TLS that starts here (origination): `SIMPLE`, and with a client certificate `MUTUAL`.
    Simple(Origination),
}

/// TLS towards servers that are not of the mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origination {
    /// Server name sent; `None`: none.
    pub sni: Option<Arc<str>>,
    /// Names of which the server's certificate must have one: DNS names, or URIs such as SPIFFE ids; never empty
    /// unless nothing is checked.
    pub subject_alt_names: Vec<Arc<str>>,
    /// By what the server's certificate is checked.
    pub roots: TlsRoots,
    /// What is shown to the server when it asks.
    pub client: Option<ClientCertificate>,
}

/// By what a server's certificate is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsRoots {
    /// By the machine's trust anchors.
    System,
    /// By the anchors in this PEM file.
    File(Arc<str>),
    /// By the anchors that SDS has under this name.
    Secret(Arc<str>),
    /// By nothing (`insecureSkipVerify`): names are not checked either.
    Unchecked,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificate {
    /// In PEM files.
    Files {
        /// The chain, leaf first.
        chain: Arc<str>,
        /// The private key.
        key: Arc<str>,
    },
    /// What SDS has under this name.
    Secret(Arc<str>),
}

impl Cluster {
    /// SDS names of all that is shown to endpoints, and that they are checked by. Files are no secrets of the stream.
    pub fn secrets(&self) -> Vec<Arc<str>> {
        match &self.tls {
            UpstreamTls::None => Vec::new(),
            UpstreamTls::Mesh { .. } => vec![WORKLOAD_SECRET.into(), ROOTS_SECRET.into()],
            UpstreamTls::Simple(origination) => {
                let roots = match &origination.roots {
                    TlsRoots::Secret(name) => Some(name),
                    _ => None,
                };
                let client = match &origination.client {
                    Some(ClientCertificate::Secret(name)) => Some(name),
                    _ => None,
                };
                roots.into_iter().chain(client).cloned().collect()
            }
        }
    }
}

/// The endpoints of a cluster (Envoy's ClusterLoadAssignment).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Endpoints {
    /// Endpoints in a stable order.
    pub endpoints: Vec<Endpoint>,
}

/// One address that serves.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who it is, for metrics (`destination_*`).
    pub identity: PeerIdentity,
    /// Whether a sidecar terminates the mesh's TLS there.
    pub mesh_tls: bool,
    /// Share among the endpoints; at least 1.
    pub weight: u32,
    /// False: it exists but must not be picked.
    pub healthy: bool,
}
