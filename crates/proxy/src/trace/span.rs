//! One span, as the worker leaves it, and as OTLP has it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use http::{HeaderValue, Method, uri::PathAndQuery};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{Span, Status, span::SpanKind, status::StatusCode},
};
use vigla_dataplane::Tracing;
use vigla_model::{Namespace, Origin, PeerIdentity, ResponseFlags, WorkloadName};

/// The two ends of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request as it came in.
    Server,
    /// A try that went out.
    Client,
}

/// What spans tell of a request. Clones share their bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: Option<PathAndQuery>,
    pub(crate) authority: Option<HeaderValue>,
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) request_id: Option<HeaderValue>,
    pub(crate) is_http2: bool,
    pub(crate) is_tls: bool,
    pub(crate) is_grpc: bool,
    pub(crate) caller_address: Option<SocketAddr>,
    /// What the route takes of all paths, as a name: there are few of them, unlike paths of requests.
    pub(crate) route_path: Option<Arc<str>>,
    pub(crate) route: Option<Arc<str>>,
    /// The rule that made the route.
    pub(crate) origin: Option<Origin>,
}

/// A try on its way.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    pub(crate) span: u64,
    pub(crate) started: Instant,
    /// 0 for the first.
    pub(crate) number: u32,
}

/// How it went, on one side.
#[derive(Debug, Clone, Default)]
pub(crate) struct Side {
    /// 0: there was no answer.
    pub(crate) status: u16,
    pub(crate) grpc_status: Option<u16>,
    pub(crate) flags: ResponseFlags,
    pub(crate) cluster: Option<Arc<str>>,
    /// The other end of a try.
    pub(crate) upstream: Option<SocketAddr>,
    /// The other end by name.
    pub(crate) peer: PeerIdentity,
}

/// A span that has ended now.
pub(crate) struct Finished {
    pub(crate) tracing: Tracing,
    /// Whose proxy it was.
    pub(crate) local: PeerIdentity,
    pub(crate) kind: Kind,
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    pub(crate) number: u32,
    pub(crate) request: Request,
    pub(crate) side: Side,
}

impl Finished {
    /// Writes it out. Moments of the two clocks that belong together tell the time.
    pub(super) fn to_otlp(&self, (instant, time): (Instant, SystemTime)) -> Span {
        let unix_nanos = |at: Instant| {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            let age = instant.saturating_duration_since(at);
            u64::try_from(since.saturating_sub(age).as_nanos()).unwrap_or(0)
        };
        let kind = match self.kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
        };
        Span {
            trace_id: self.trace_id.to_be_bytes().to_vec(),
            span_id: self.span_id.to_be_bytes().to_vec(),
            parent_span_id: self
                .parent
                .map(|parent| parent.to_be_bytes().to_vec())
                .unwrap_or_default(),
            name: self.name(),
            kind: kind.into(),
            start_time_unix_nano: unix_nanos(self.started),
            end_time_unix_nano: unix_nanos(self.ended),
            attributes: self.attributes(),
            status: self.error().map(|_| Status {
                code: StatusCode::Error.into(),
                message: String::new(),
            }),
            ..Span::default()
        }
    }

    /// OpenTelemetry's name: the method of a service, or the HTTP method with the path of the route.
    fn name(&self) -> String {
        let request = &self.request;
        if request.is_grpc
            && let Some(path) = &request.path
        {
            return path.path().trim_start_matches('/').to_owned();
        }
        match &request.route_path {
            Some(path) => format!("{} {path}", request.method),
            None => request.method.to_string(),
        }
    }

    /// What `error.type` says; `None` when it went well. What a caller did wrong is its error, not the server's.
    fn error(&self) -> Option<String> {
        let side = &self.side;
        if let Some(status) = side.grpc_status {
            let is_ours = matches!(status, 2 | 4 | 12..=15);
            let failed = status != 0 && (self.kind == Kind::Client || is_ours);
            return failed.then(|| status.to_string());
        }
        let worst = match self.kind {
            Kind::Server => 500,
            Kind::Client => 400,
        };
        match side.status {
            0 => Some(side.flags.to_string()),
            status => (status >= worst).then(|| status.to_string()),
        }
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let (request, side) = (&self.request, &self.side);
        let mut out = Attributes(Vec::with_capacity(28));
        let local = &self.local;
        // Istio's names, which its own proxies write too.
        out.optional("istio.workload", local.workload.as_ref().map(ToString::to_string));
        out.optional(
            "istio.namespace",
            local.namespace.as_ref().map(ToString::to_string),
        );
        out.optional(
            "istio.canonical_service",
            local.app.as_ref().map(ToString::to_string),
        );
        out.optional(
            "istio.canonical_revision",
            local.version.as_ref().map(ToString::to_string),
        );
        out.text("http.request.method", request.method.as_str());
        out.text(
            "network.protocol.version",
            if request.is_http2 { "2" } else { "1.1" },
        );
        out.text("url.scheme", if request.is_tls { "https" } else { "http" });
        if let Some(path) = &request.path {
            out.text("url.path", path.path());
            out.optional("url.query", path.query());
        }
        let header = |value: &Option<HeaderValue>| {
            value
                .as_ref()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        if let Some(authority) = header(&request.authority) {
            let (host, port) = match authority.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() => (host, port.parse().ok()),
                _ => (authority.as_str(), None),
            };
            out.text("server.address", host);
            out.number("server.port", port);
        }
        out.optional("user_agent.original", header(&request.user_agent));
        out.optional("guid:x-request-id", header(&request.request_id));
        out.optional("http.route", request.route_path.as_deref().map(str::to_owned));
        out.number(
            "http.response.status_code",
            (side.status != 0).then(|| side.status.into()),
        );
        if request.is_grpc
            && let Some(path) = &request.path
        {
            out.text("rpc.system", "grpc");
            if let Some((service, method)) = path.path().trim_start_matches('/').rsplit_once('/') {
                out.text("rpc.service", service);
                out.text("rpc.method", method);
            }
            out.number("rpc.grpc.status_code", side.grpc_status.map(Into::into));
        }
        match self.kind {
            Kind::Server => {
                out.optional(
                    "client.address",
                    request.caller_address.map(|caller| caller.ip().to_string()),
                );
            }
            Kind::Client => {
                out.optional(
                    "network.peer.address",
                    side.upstream.map(|at| at.ip().to_string()),
                );
                out.number("network.peer.port", side.upstream.map(|at| at.port().into()));
                let retries = (self.number > 0).then(|| self.number.into());
                out.number("http.request.resend_count", retries);
            }
        }
        out.optional("upstream_cluster", side.cluster.as_deref());
        out.text("response_flags", &side.flags.to_string());
        out.optional("error.type", self.error());
        let peer = &side.peer;
        out.optional(
            "vigla.peer.workload",
            peer.workload.as_ref().map(WorkloadName::as_str),
        );
        out.optional(
            "vigla.peer.namespace",
            peer.namespace.as_ref().map(Namespace::as_str),
        );
        out.optional("vigla.route.name", request.route.as_deref());
        out.optional("vigla.route.origin", request.origin.as_ref().map(describe));
        out.0
    }
}

/// `VirtualService bookinfo/reviews spec.http[0]`.
fn describe(origin: &Origin) -> String {
    let object = &origin.object;
    format!(
        "{} {}/{} {}",
        object.kind, object.namespace, object.name, origin.path
    )
    .trim_end()
    .to_owned()
}

struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn put(&mut self, key: &str, value: Value) {
        self.0.push(KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        });
    }

    fn text(&mut self, key: &str, value: &str) {
        self.put(key, Value::StringValue(value.to_owned()));
    }

    fn optional(&mut self, key: &str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.put(key, Value::StringValue(value.into()));
        }
    }

    fn number(&mut self, key: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.put(key, Value::IntValue(value));
        }
    }
}
