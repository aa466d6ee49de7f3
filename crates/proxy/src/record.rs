//! What is known of one request when it ends: its line in the access log and its place in the metrics.

use std::{
    borrow::Cow,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use vigla_model::{Protocol, ResponseFlag, ResponseFlags};

use crate::{
    access_log::{Line, LineHead},
    downstream::Downstream,
    http::RequestBody,
    metrics::RequestKey,
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

    /// Counts and logs the request; later calls do nothing.
    pub(crate) fn finish(&mut self) {
        if std::mem::replace(&mut self.finished, true) {
            return;
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
