//! `GET /api/v1/graph` and its stream.

use serde::{Deserialize, Serialize};

/// A graph at one grain.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Graph {
    /// `EPOCH:NUMBER`; the number rises with every published graph of this server start.
    pub revision: String,
    /// End of the window, RFC 3339.
    pub at: String,
    /// Length of the window.
    pub window_seconds: f64,
    /// `finest`, `app`, `versioned_app`, `workload` or `service`.
    pub view: String,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// Edges: one per source, target and protocol.
    pub edges: Vec<Edge>,
    /// Boxes around nodes.
    pub boxes: Vec<GroupBox>,
    /// Sources that could not give their part.
    pub degraded: Vec<Degraded>,
    /// What the query's `find` matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Found>,
}

/// What a find expression matches, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Found {
    /// Nodes.
    pub nodes: Vec<String>,
    /// Edges.
    pub edges: Vec<String>,
}

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Node {
    /// 16 hex digits, the same in every replica and after a restart.
    pub id: String,
    /// `workload`, `service`, `app`, `versioned_app`, `gateway`, `external`, `passthrough` or `unknown`.
    pub kind: String,
    /// Kubernetes cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// App.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Service host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Innermost box.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Whether a sidecar counts its traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<bool>,
    /// State and why.
    pub health: Health,
    /// Rules in effect: `route`, `split`, `mirror`, `fault`, `timeout`, `retry`, `breaker`, `authorization`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub badges: Vec<String>,
    /// Traffic that came to it; absent when none was counted.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub inbound: Option<Traffic>,
    /// Traffic that it sent; absent when none was counted.
    #[serde(rename = "out", skip_serializing_if = "Option::is_none")]
    pub outbound: Option<Traffic>,
    /// For an unknown node: what it probably is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guess: Option<Guess>,
}

/// What an unknown node probably is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Guess {
    /// Workload.
    pub workload: String,
    /// Its namespace.
    pub namespace: String,
    /// What makes us think so.
    pub from: String,
}

/// State of a node or edge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `ok`, `degraded`, `failing`, `unknown` or `no_traffic`.
    pub state: String,
    /// Which thresholds decided, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

/// An edge. Its traffic is the destination's count where it exists, the source's where not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Edge {
    /// 16 hex digits.
    pub id: String,
    /// Node that calls.
    pub source: String,
    /// Node that is called.
    pub target: String,
    /// The service, when all requests had the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The services, when there were several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// `http`, `grpc` or `tcp`.
    pub protocol: String,
    /// Traffic as shown.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Both reporters apart.
    pub by_reporter: ByReporter,
    /// Connections per second that the callee refused; absent when none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_per_second: Option<f64>,
    /// Destination-reported share with mutual TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtls_share: Option<f64>,
    /// All principals.
    #[serde(default)]
    pub principals: Principals,
    /// State and why.
    pub health: Health,
    /// Causes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<Why>,
}

/// What each kind of proxy counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ByReporter {
    /// The callers' proxies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Traffic>,
    /// The callees' proxies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Traffic>,
}

/// SPIFFE ids seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Principals {
    /// Of the callers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<String>,
    /// Of the callees.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destination: Vec<String>,
}

/// A cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Why {
    /// One or two sentences in traffic terms.
    pub message: String,
    /// The object that decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// Field and line in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// `proved` or `likely`.
    pub confidence: String,
}

/// Names an object of the mesh's config.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ObjectRef {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for objects of the whole cluster.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// A place in an object's text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Place {
    /// Field, such as `spec.http[0].route[1].destination.subset`.
    pub path: String,
    /// File.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

/// Traffic over the window. All rates are per second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Traffic {
    /// Requests in the window (the rate times the window, rounded); absent for TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Requests per second; absent for TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
    /// Share that failed; absent without requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_share: Option<f64>,
    /// Requests by answer, most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub responses: Vec<Response>,
    /// Bytes per second as the caller sees them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<BytesPerSecond>,
    /// Connections opened per second; absent when none was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_per_second: Option<f64>,
    /// Messages of gRPC streams per second; absent when none was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages_per_second: Option<MessagesPerSecond>,
    /// Latency of answered requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// Raw counters since the proxies started; only with `include=counters`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
}

/// Requests with one answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Response {
    /// HTTP status; `0` is "no response".
    pub code: String,
    /// gRPC status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<u16>,
    /// Response flags; `-` for none.
    pub flags: String,
    /// Rate.
    pub requests_per_second: f64,
}

/// Bytes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BytesPerSecond {
    /// By the caller.
    pub sent: f64,
    /// By the callee.
    pub received: f64,
}

/// Messages of gRPC streams per second: a unary call is one each way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessagesPerSecond {
    /// By the caller.
    pub sent: f64,
    /// By the callee.
    pub received: f64,
}

/// Latency in milliseconds, from merged buckets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Latency {
    /// Requests in the histogram.
    pub count: u64,
    /// Sum of their durations.
    pub sum_ms: f64,
    /// Median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// 90th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90_ms: Option<f64>,
    /// 95th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// (upper bound in ms, requests in that bucket), non-empty ones; in `view=finest` or by `include=buckets`.
    /// The bound of the last, open bucket is `null`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<(Option<f64>, f64)>,
}

/// Raw counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Counters {
    /// Requests.
    pub requests: u64,
    /// Connections opened or refused.
    pub connections: u64,
}

/// A box.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupBox {
    /// 16 hex digits.
    pub id: String,
    /// `cluster`, `namespace` or `app`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Box around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// A source that could not give its part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Degraded {
    /// Name of the source.
    pub source: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Why, in words.
    pub reason: String,
}

/// What changed since the previous revision; event `delta` of the stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GraphDelta {
    /// Revision after this delta.
    pub revision: String,
    /// Revision to which it applies.
    pub previous: String,
    /// End of the window, RFC 3339.
    pub at: String,
    /// Changed nodes.
    pub nodes: Change<Node>,
    /// Changed edges.
    pub edges: Change<Edge>,
    /// Changed boxes.
    pub boxes: Change<GroupBox>,
    /// Sources that could not give their part, all of them.
    pub degraded: Vec<Degraded>,
}

/// Things that are new or changed, and ids of those that are gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change<T> {
    /// New and changed.
    pub set: Vec<T>,
    /// Ids.
    pub gone: Vec<String>,
}

impl<T> Default for Change<T> {
    fn default() -> Self {
        Self {
            set: Vec::new(),
            gone: Vec::new(),
        }
    }
}
