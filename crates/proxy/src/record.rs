//! What is known of one request when it ends: its line in the access log and its place in the metrics.

use std::{
    borrow::Cow,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use http::HeaderMap;
use vigla_dataplane::Direction;
use vigla_model::{Protocol, ResponseFlag, ResponseFlags};

use crate::{
    access_log::{Line, LineHead},
    downstream::Downstream,
    http::RequestBody,
    metrics::RequestKey,
    trace::{Finished, Kind, Request, Side, Trace, Try},
};

/// One request, from its head to the end of its answer. Counted exactly once: at [`Record::finish`], or when it
/// is dropped before that, because then the caller has gone (`DC`), or gave this request
/// up (`DR`).
pub(crate) struct Record {
    pub(crate) downstream: Rc<Downstream>,
    pub(crate) started: Instant,
    pub(crate) head: Option<LineHead>,
    pub(crate) protocol: Protocol,
    /// Whether the request came by HTTP/2.
    pub(crate) is_http2: bool,
    /// Status that the caller gets; 0 as long as there is none.
    pub(crate) status: u16,
    pub(crate) grpc_status: Option<u16>,
    pub(crate) flags: ResponseFlags,
    pub(crate) details: Option<Cow<'static, str>>,
    /// Name of the authorization rule that decided.
    pub(crate) policy: Option<Arc<str>>,
    pub(crate) failure: Option<Cow<'static, str>>,
    /// Number of the service that the request is meant for.
    pub(crate) service: u32,
    /// Number of the caller, where the caller is the other end.
    pub(crate) caller: Option<u32>,
    /// Number of the endpoint's peer.
    pub(crate) endpoint: Option<u32>,
    pub(crate) request_body: Option<Rc<RequestBody>>,
    pub(crate) bytes_sent: u64,
    pub(crate) route_name: Option<Arc<str>>,
    pub(crate) cluster: Option<Arc<str>>,
    pub(crate) upstream: Option<SocketAddr>,
    pub(crate) upstream_local: Option<SocketAddr>,
    pub(crate) upstream_time: Option<Duration>,
    /// Where the request stands in its trace; `None` where there is no tracing.
    pub(crate) trace: Option<Box<Trace>>,
    finished: bool,
}

impl Record {
    pub(crate) fn new(downstream: Rc<Downstream>) -> Self {
        Self {
            started: Instant::now(),
            head: None,
            protocol: Protocol::Http,
            is_http2: false,
            status: 0,
            grpc_status: None,
            flags: ResponseFlags::NONE,
            details: None,
            policy: None,
            failure: None,
            service: downstream.listener_service,
            caller: downstream.caller,
            endpoint: None,
            request_body: None,
            bytes_sent: 0,
            route_name: None,
            cluster: None,
            upstream: None,
            upstream_local: None,
            upstream_time: None,
            trace: None,
            finished: false,
            downstream,
        }
    }

    /// Adds a flag.
    pub(crate) fn flag(&mut self, flag: ResponseFlag) {
        self.flags = self.flags.with(flag);
    }

    /// Number of the other end.
    pub(crate) fn peer(&self) -> u32 {
        let unknown = self.downstream.worker.unknown_peer;
        self.caller.or(self.endpoint).unwrap_or(unknown)
    }

    /// Begins the span of a try, and tells the next hop of it.
    pub(crate) fn start_try(&mut self, headers: &mut HeaderMap) {
        let Some(trace) = &mut self.trace else { return };
        let span = if self.downstream.direction == Direction::Inbound {
            trace.server_span
        } else {
            None
        };
        // The application behind an inbound listener is no hop of its own.
        let span = span.unwrap_or_else(|| {
            let span = self.downstream.worker.random.span_id();
            trace.current = Some(Try {
                span,
                started: Instant::now(),
                number: trace.tries,
            });
            span
        });
        trace.tries += 1;
        trace.write(span, headers);
    }

    /// Ends the span of a try that another try follows.
    pub(crate) fn end_try(&mut self, status: u16, grpc_status: Option<u16>, flags: ResponseFlags) {
        let Some(mut trace) = self.trace.take() else {
            return;
        };
        if let (Some(current), Some(request)) = (trace.current.take(), &trace.request) {
            let side = Side {
                status,
                grpc_status,
                flags,
                ..self.side(self.endpoint)
            };
            self.add_span(&trace, &current, request, side);
        }
        self.trace = Some(trace);
    }

    /// What spans tell of the other end, and of how it went for the caller.
    fn side(&self, peer: Option<u32>) -> Side {
        let peer = peer.and_then(|peer| self.downstream.worker.metrics.identity(peer));
        Side {
            status: self.status,
            grpc_status: self.grpc_status,
            flags: self.flags,
            cluster: self.cluster.clone(),
            upstream: self.upstream,
            peer: peer.unwrap_or_default(),
        }
    }

    fn finish_trace(&self, trace: &Trace) {
        let Some(request) = &trace.request else { return };
        // What was answered without a try has a span all the same: there is where one looks for it.
        let unsent = || Try {
            span: self.downstream.worker.random.span_id(),
            started: self.started,
            number: 0,
        };
        let last = match (&trace.current, trace.server_span) {
            (Some(current), _) => Some(current.clone()),
            (None, None) if trace.tries == 0 => Some(unsent()),
            (None, _) => None,
        };
        if let Some(last) = last {
            self.add_span(trace, &last, request, self.side(self.endpoint));
        }
        if let Some(span_id) = trace.server_span {
            self.downstream.worker.spans.add(Finished {
                tracing: trace.tracing.clone(),
                local: self.downstream.local.clone(),
                kind: Kind::Server,
                trace_id: trace.trace_id,
                span_id,
                parent: trace.parent,
                started: self.started,
                ended: Instant::now(),
                number: 0,
                request: Request::clone(request),
                side: self.side(self.caller),
            });
        }
    }

    fn add_span(&self, trace: &Trace, one: &Try, request: &Request, side: Side) {
        self.downstream.worker.spans.add(Finished {
            tracing: trace.tracing.clone(),
            local: self.downstream.local.clone(),
            kind: Kind::Client,
            trace_id: trace.trace_id,
            span_id: one.span,
            parent: trace.server_span.or(trace.parent),
            started: one.started,
            ended: Instant::now(),
            number: one.number,
            request: request.clone(),
            side,
        });
    }

    /// Counts and logs the request; later calls do nothing.
    pub(crate) fn finish(&mut self) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let trace = self.trace.take();
        if let Some(trace) = &trace {
            self.finish_trace(trace);
        }
        let downstream = &self.downstream;
        downstream.watch.end();
        let worker = &downstream.worker;
        let duration = self.started.elapsed();
        let bytes_received = self.request_body.as_ref().map_or(0, |body| body.received());
        let key = RequestKey {
            telemetry: downstream.telemetry,
            peer: self.peer(),
            service: self.service,
            protocol: self.protocol,
            status: self.status,
            flags: self.flags,
            grpc_status: self.grpc_status,
        };
        worker
            .metrics
            .request(key)
            .series
            .add(duration, bytes_received, self.bytes_sent);
        if let Some(head) = &self.head {
            worker.log.add(&Line {
                head,
                duration,
                route_name: self.route_name.as_deref(),
                response_code: self.status,
                response_flags: self.flags,
                response_code_details: self.details.as_deref(),
                policy: self.policy.as_deref(),
                trace_id: trace.as_ref().map(|trace| trace.trace_id),
                connection_termination_details: None,
                bytes_received,
                bytes_sent: self.bytes_sent,
                upstream_service_time: self.upstream_time,
                upstream_host: self.upstream,
                upstream_cluster: self.cluster.as_deref(),
                upstream_local_address: self.upstream_local,
                upstream_transport_failure_reason: self.failure.as_deref(),
                downstream_local_address: downstream.local_address,
                downstream_remote_address: downstream.remote_address,
                requested_server_name: downstream.server_name.as_deref(),
            });
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.finished {
            // Envoy counts 0 for a caller that left before the answer's head, and keeps the status after it.
            let (flag, details) = if self.is_http2 && !self.downstream.watch.is_closed() {
                (ResponseFlag::DownstreamReset, "http2.remote_reset")
            } else {
                (ResponseFlag::DownstreamClosed, "downstream_remote_disconnect")
            };
            self.flag(flag);
            self.details = Some(details.into());
            self.finish();
        }
    }
}
