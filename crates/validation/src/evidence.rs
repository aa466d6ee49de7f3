//! What was seen in traffic, as plain values: the graph brings it, offline there is none.

use vigla_model::{Fqdn, Namespace, Principal, Protocol, ResponseFlag, WorkloadName};

/// What rules may know beside the config.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Traffic of a window; `None` when nobody looked, which is not "no traffic".
    pub traffic: Option<Vec<SeenTraffic>>,
}

/// Traffic from one workload to another in a window.
#[derive(Debug, Clone)]
pub struct SeenTraffic {
    /// Who called, when that is known.
    pub source: Option<(Namespace, WorkloadName)>,
    /// The workload that answered, when one did.
    pub destination: Option<(Namespace, WorkloadName)>,
    /// The host that was called, when that is known.
    pub host: Option<Fqdn>,
    /// What was spoken.
    pub protocol: Protocol,
    /// Requests, or connections for TCP, in a second.
    pub per_second: f64,
    /// Failures by the proxy's flag, in a second.
    pub flags: Vec<(ResponseFlag, f64)>,
    /// Certificates that callers showed.
    pub principals: Vec<Principal>,
    /// Share of it that came without mutual TLS, from 0.0 to 1.0; `None` when the destination did not report.
    pub plain_share: Option<f64>,
}
