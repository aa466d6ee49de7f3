//! The plan of one proxy as plain values; every part carries its origin.

mod authorization;
mod cluster;

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use vigla_model::{Fqdn, Origin, PeerIdentity, Reporter};

pub use authorization::*;
pub use cluster::*;

/// Everything that one proxy is to do. Parts are shared (`Arc`), so plans of one class cost pointers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Listeners, by name.
    pub listeners: BTreeMap<Arc<str>, Arc<Listener>>,
    /// Route tables that listeners name (inline tables stand in the listener), by name such as `9080`.
    pub route_tables: BTreeMap<Arc<str>, Arc<RouteTable>>,
    /// Clusters, by name such as `outbound|9080|v1|reviews.bookinfo.svc.cluster.local`.
    pub clusters: BTreeMap<Arc<str>, Arc<Cluster>>,
    /// Endpoints of the clusters whose discovery is [`Discovery::Eds`], by cluster name.
    pub endpoints: BTreeMap<Arc<str>, Arc<Endpoints>>,
}

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

/// Where an HTTP listener has its routes from.
#[derive(Debug, Clone, PartialEq)]
pub enum RouteSource {
    /// By name from [`Plan::route_tables`], delivered by RDS.
    Named(Arc<str>),
    /// In the listener itself.
    Inline(Arc<RouteTable>),
}

/// A route table (Envoy's RouteConfiguration).
#[derive(Debug, Clone, PartialEq)]
pub struct RouteTable {
    /// Name, such as `9080`.
    pub name: Arc<str>,
    /// Virtual hosts. A domain stands in at most one of them.
    pub virtual_hosts: Vec<VirtualHost>,
}

/// Routes for some domains.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualHost {
    /// Unique name within the table, such as `reviews.bookinfo.svc.cluster.local:9080`.
    pub name: Arc<str>,
    /// Lower-case authorities: exact, `*.suffix`, `prefix.*` or `*`; with and without port.
    pub domains: Vec<Arc<str>>,
    /// Routes in order; the first that matches decides.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Name for logs: the rule's own, or `default`.
    pub name: Arc<str>,
    /// When it applies.
    pub matches: RouteMatch,
    /// What it does.
    pub action: RouteAction,
    /// Service under whose name requests are counted (`destination_service`), whatever becomes of them.
    pub service: Option<Fqdn>,
    /// Changes to the request before it is sent on.
    pub request_headers: HeaderEdits,
    /// Changes to the response.
    pub response_headers: HeaderEdits,
    /// The rule that made it.
    pub origin: Option<Origin>,
}

/// When a route applies: all parts must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RouteMatch {
    /// The path without its query.
    pub path: PathMatch,
    /// Whether upper and lower case of the path are the same. Does not touch regular expressions.
    pub ignore_path_case: bool,
    /// Headers by lower-case name; `:method`, `:authority` and `:scheme` are headers too.
    pub headers: Vec<HeaderMatch>,
    /// Query parameters.
    pub query: Vec<QueryMatch>,
}

impl RouteMatch {
    /// The paths that it takes, as one name such as `/reviews*`; `None` when it takes every path.
    pub fn path_name(&self) -> Option<Arc<str>> {
        match &self.path {
            PathMatch::Any => None,
            PathMatch::Exact(path) => Some(path.clone()),
            PathMatch::Prefix(path) | PathMatch::SegmentPrefix(path) if &**path == "/" => None,
            PathMatch::Prefix(path) | PathMatch::SegmentPrefix(path) => Some(format!("{path}*").into()),
            PathMatch::Regex(pattern) => Some(pattern.as_str().into()),
        }
    }
}

/// How a path is matched.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum PathMatch {
    /// Every path.
    #[default]
    Any,
    /// The whole path.
    Exact(Arc<str>),
    /// The start of the path, character by character.
    Prefix(Arc<str>),
    /// The start of the path, at a slash.
    SegmentPrefix(Arc<str>),
    /// The whole path by regular expression.
    Regex(Pattern),
}

/// How a value is matched.
#[derive(Debug, Clone, PartialEq)]
pub enum StringMatch {
    /// The whole value.
    Exact(Arc<str>),
    /// Its start.
    Prefix(Arc<str>),
    /// The whole value by regular expression.
    Regex(Pattern),
    /// Any value, even the empty one.
    Present,
}

/// A header must, or must not, have a value.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderMatch {
    /// Lower-case name.
    pub name: Arc<str>,
    /// The value.
    pub value: StringMatch,
    /// True for `withoutHeaders`: the route applies when this does not match; an absent header does not match.
    pub invert: bool,
}

/// A query parameter must have a value.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryMatch {
    /// Name, case sensitive.
    pub name: Arc<str>,
    /// The value.
    pub value: StringMatch,
}

/// What a route does.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all routes forward: a box would cost them a pointer"
)]
pub enum RouteAction {
    /// Sends the request on.
    Forward(Forward),
    /// Answers with another address.
    Redirect(Redirect),
    /// Answers itself.
    Respond {
        /// HTTP status.
        status: u16,
        /// Body; empty for none.
        body: Arc<str>,
    },
}

/// How a request is sent on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forward {
    /// Clusters by weight; at least one. Weights need not sum to 100; those of weight 0 are left out.
    pub clusters: Vec<WeightedCluster>,
    /// Time from the end of the request to the end of the response; `None`: no limit.
    pub timeout: Option<Duration>,
    /// Retries; `None`: none.
    pub retry: Option<Retry>,
    /// Change of the path.
    pub path: Option<PathRewrite>,
    /// New authority.
    pub authority: Option<Arc<str>>,
    /// Faults to inject.
    pub fault: Option<Fault>,
}

/// One destination of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedCluster {
    /// Name of the cluster. It may be missing from the plan: then requests get 503 `NC`.
    pub cluster: Arc<str>,
    /// Share of the requests among the route's weights.
    pub weight: u32,
    /// Changes for this destination only.
    pub request_headers: HeaderEdits,
    /// Changes for this destination only.
    pub response_headers: HeaderEdits,
    /// The destination in the rule.
    pub origin: Option<Origin>,
}

/// Changes of headers, in this order: remove, set (overwrites), add (appends).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeaderEdits {
    /// Lower-case names to remove.
    pub remove: Vec<Arc<str>>,
    /// Names and values that replace what is there.
    pub set: Vec<(Arc<str>, Arc<str>)>,
    /// Names and values that are added to what is there.
    pub add: Vec<(Arc<str>, Arc<str>)>,
}

impl HeaderEdits {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}

/// How a path is rewritten. The query stays.
#[derive(Debug, Clone, PartialEq)]
pub enum PathRewrite {
    /// Puts this in place of what the route's match took: the prefix, or the whole exact path.
    Prefix(Arc<str>),
    /// Replaces every match.
    Regex {
        /// What is replaced.
        pattern: Pattern,
        /// By what; groups as `\1`.
        substitution: Arc<str>,
    },
}

/// An answer that sends the caller elsewhere. Absent parts stay as in the request.
#[derive(Debug, Clone, PartialEq)]
pub struct Redirect {
    /// HTTP status: 301, 302, 303, 307 or 308.
    pub status: u16,
    /// New scheme.
    pub scheme: Option<Arc<str>>,
    /// New host.
    pub host: Option<Arc<str>>,
    /// New port.
    pub port: Option<u16>,
    /// New path.
    pub path: Option<RedirectPath>,
}

/// New path of a redirect.
#[derive(Debug, Clone, PartialEq)]
pub enum RedirectPath {
    /// The whole path; the query is dropped when it holds one of its own.
    Full(Arc<str>),
    /// In place of the matched prefix.
    Prefix(Arc<str>),
}

/// When and how often a request is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Tries after the first.
    pub attempts: u32,
    /// Conditions by Envoy's names, such as `connect-failure`.
    pub on: Vec<Arc<str>>,
    /// Statuses that are tried again under `retriable-status-codes`.
    pub statuses: Vec<u16>,
    /// Limit of one try; `None`: the route's.
    pub per_try_timeout: Option<Duration>,
    /// Bytes of a request's body that are kept for another try. A longer body is sent on as it comes, and its request
    /// is not tried again once more than this has been read.
    pub body_limit: u32,
}

/// Our [`Retry::body_limit`]: what JSON calls and nearly all gRPC messages fit in, while a thousand requests that wait
/// for an answer hold at most 64 MB.
pub const RETRY_BODY_LIMIT: u32 = 64 << 10;

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 0,
            on: Vec::new(),
            statuses: Vec::new(),
            per_try_timeout: None,
            body_limit: RETRY_BODY_LIMIT,
        }
    }
}

/// Faults to inject, delay first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fault {
    /// Share in millionths, and how long.
    pub delay: Option<(u32, Duration)>,
    /// Share in millionths, and the status.
    pub abort: Option<(u32, u16)>,
    /// The fault in the rule.
    pub origin: Option<Origin>,
}

/// A regular expression in the syntax that RE2 and Rust share; matches the whole text.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: Arc<str>,
    whole: regex::Regex,
    part: regex::Regex,
}

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it is no expression, or its compiled form is larger than 64 KiB.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        let build = |text: &str| regex::RegexBuilder::new(text).size_limit(64 << 10).build();
        Ok(Self {
            source: source.into(),
            whole: build(&format!("^(?:{source})$"))?,
            part: build(source)?,
        })
    }

    /// The expression as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// Replaces every match; groups in the substitution are written `\1`.
    pub fn replace_all(&self, text: &str, substitution: &str) -> String {
        let mut template = String::with_capacity(substitution.len() + 8);
        let mut chars = substitution.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some(digit)) if digit.is_ascii_digit() => {
                    template.push_str("${");
                    template.push(*digit);
                    template.push('}');
                    chars.next();
                }
                ('\\', Some('\\')) => {
                    template.push('\\');
                    chars.next();
                }
                ('$', _) => template.push_str("$$"),
                _ => template.push(c),
            }
        }
        self.part.replace_all(text, template.as_str()).into_owned()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
