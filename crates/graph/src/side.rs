//! What one kind of reporter counted on an edge, or what came together at a node.

use std::collections::BTreeMap;

use vigla_model::{Principal, Ratio, ResponseFlags};

use crate::{Few, Totals, Traffic};

/// Traffic of one edge as one kind of reporter counted it, or of one node. Sides add.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Side {
    /// Rates and latency.
    pub traffic: Traffic,
    /// Requests per second by answer.
    pub responses: BTreeMap<ResponseKey, f64>,
    /// Requests (or connections) per second with mutual TLS, and with any known security: their ratio is the mTLS share.
    pub mutual_tls: f64,
    /// Those of which the security is known.
    pub security_known: f64,
    /// Principals of the callers.
    pub source_principals: Few<Principal>,
    /// Principals of the callees.
    pub destination_principals: Few<Principal>,
    /// Raw counters.
    pub totals: Totals,
}

/// What an answer was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResponseKey {
    /// HTTP status; 0 is "no response"; `None` for TCP.
    pub code: Option<u16>,
    /// gRPC status.
    pub grpc_status: Option<u16>,
    /// Response flags.
    pub flags: ResponseFlags,
}

impl ResponseKey {
    /// HTTP 5xx, a gRPC status other than 0, or no response.
    pub fn failed(&self) -> bool {
        self.grpc_status.is_some_and(|status| status != 0)
            || self
                .code
                .is_some_and(|code| code == 0 || (500..600).contains(&code))
    }
}

impl Side {
    /// Adds another side.
    pub fn add(&mut self, other: &Self) {
        self.traffic.add(&other.traffic);
        for (key, rate) in &other.responses {
            *self.responses.entry(key.clone()).or_default() += rate;
        }
        self.mutual_tls += other.mutual_tls;
        self.security_known += other.security_known;
        self.source_principals.add(&other.source_principals);
        self.destination_principals.add(&other.destination_principals);
        self.totals.requests += other.totals.requests;
        self.totals.connections += other.totals.connections;
    }

    /// Share of requests that failed; `None` without requests.
    pub fn error_share(&self) -> Option<Ratio> {
        let failed: f64 = self
            .responses
            .iter()
            .filter(|(key, _)| key.failed())
            .map(|(_, rate)| rate)
            .sum();
        Ratio::of(failed, self.traffic.requests)
    }

    /// Share with mutual TLS; `None` where no reporter knew.
    pub fn mtls_share(&self) -> Option<Ratio> {
        Ratio::of(self.mutual_tls, self.security_known)
    }
}
