//! Counted traffic as a metric source delivers it: the graph's raw material.

use std::{sync::Arc, time::Duration};

use vigla_model::{
    Fqdn, Histogram, PeerIdentity, Protocol, Reporter, ResponseFlags, SecurityPolicy, Timestamp,
};

/// What was counted in one window, from one source of metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficWindow {
    /// End of the window.
    pub at: Timestamp,
    /// Its length.
    pub window: Duration,
    /// One row for each set of labels that has samples in the window.
    pub rows: Vec<TrafficRow>,
}

/// Traffic under one set of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficRow {
    /// The labels.
    pub key: Arc<TrafficKey>,
    /// Rates over the window; all zero for a series that only exists.
    pub traffic: Traffic,
    /// Counters as last scraped, since the proxies started.
    pub totals: Totals,
}

/// The labels of Istio's standard metrics that tell edges apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrafficKey {
    /// Whose proxy counted.
    pub reporter: Reporter,
    /// The caller, as far as the labels tell.
    pub source: PeerIdentity,
    /// The callee, as far as the labels tell.
    pub destination: PeerIdentity,
    /// `destination_service`.
    pub service: Option<Fqdn>,
    /// `request_protocol`, or TCP for the TCP metrics.
    pub protocol: Protocol,
    /// `response_code`; 0 is "no response"; `None` for TCP.
    pub response_code: Option<u16>,
    /// `grpc_response_status`.
    pub grpc_status: Option<u16>,
    /// `response_flags`.
    pub flags: ResponseFlags,
    /// `connection_security_policy`.
    pub security: SecurityPolicy,
    /// Address of a caller without certificate (label `source_address`, destination's proxy only).
    pub source_address: Option<Arc<str>>,
    /// True for connections that no filter chain took: `vigla_connections_refused_total`.
    pub refused: bool,
}

/// Rates per second over a window, as Prometheus 3's `rate` computes them. Additive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Traffic {
    /// `istio_requests_total`.
    pub requests: f64,
    /// `istio_request_duration_milliseconds`: requests per second in each bucket.
    pub latency: Histogram,
    /// Bytes that the caller sent: `istio_request_bytes_sum`, or `istio_tcp_received_bytes_total` (at the callee).
    pub bytes_sent: f64,
    /// Bytes that the caller got: `istio_response_bytes_sum`, or `istio_tcp_sent_bytes_total`.
    pub bytes_received: f64,
    /// Connections opened, or refused when [`TrafficKey::refused`].
    pub connections: f64,
    /// Messages of gRPC streams that the caller sent: `istio_request_messages_total`.
    pub messages_sent: f64,
    /// Messages of gRPC streams that the caller got: `istio_response_messages_total`.
    pub messages_received: f64,
}

impl Traffic {
    /// Adds another row's rates.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.latency.add(&other.latency);
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.connections += other.connections;
        self.messages_sent += other.messages_sent;
        self.messages_received += other.messages_received;
    }

    /// True when the window counted no request, connection, message or byte.
    pub fn is_zero(&self) -> bool {
        self.requests <= 0.0
            && self.connections <= 0.0
            && self.bytes_sent <= 0.0
            && self.bytes_received <= 0.0
            && self.messages_sent <= 0.0
            && self.messages_received <= 0.0
            && self.latency.is_empty()
    }
}

/// Raw counters.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Requests since the proxies started.
    pub requests: f64,
    /// Connections opened or refused since the proxies started.
    pub connections: f64,
}
