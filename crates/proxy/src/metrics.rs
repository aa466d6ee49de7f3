//! What one worker counts: Istio's standard metrics and refused connections.
//!
//! A series is found by a few small numbers; its label text is written once, when it first appears. Nothing is
//! shared between threads: a scrape asks every worker for a copy and adds them up.

mod labels;
mod render;
mod series;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
};

use vigla_dataplane::Telemetry;
use vigla_model::{Fqdn, PeerIdentity, Protocol, ResponseFlags};

use crate::interner::{Interner, OVERFLOW};

pub(crate) use render::render;
pub(crate) use series::{MessageSeries, RequestSeries, TcpSeries};

/// Series of one family, on one thread. Beyond it the peer becomes `overflow`, so that many callers, or one
/// that invents names, cannot fill the memory; what remains is bounded by the plan.
const MAX_SERIES: usize = 2000;
/// Different peers, services and listeners that are told apart.
const MAX_PEERS: usize = 2 * MAX_SERIES;

/// The other end of the traffic, as labels show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    /// Who it is.
    pub(crate) identity: PeerIdentity,
    /// Its address, where a certificate does not tell who it is (`source_address`).
    pub(crate) address: Option<IpAddr>,
    /// Whether both ends showed certificates of the mesh.
    pub(crate) mutual_tls: bool,
}

/// A request, as far as its series depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RequestKey {
    /// Number of the listener's [`Telemetry`].
    pub(crate) telemetry: u32,
    /// Number of the [`Peer`].
    pub(crate) peer: u32,
    /// Number of the service; see [`Metrics::service`].
    pub(crate) service: u32,
    pub(crate) protocol: Protocol,
    /// HTTP status; 0 when there was no response.
    pub(crate) status: u16,
    pub(crate) flags: ResponseFlags,
    pub(crate) grpc_status: Option<u16>,
}

/// A TCP connection, as far as its series depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TcpKey {
    pub(crate) telemetry: u32,
    pub(crate) peer: u32,
    pub(crate) service: u32,
    pub(crate) flags: ResponseFlags,
}

/// gRPC messages, as far as their series depends on their stream. The stream's end is not known while they pass,
/// so there is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MessageKey {
    pub(crate) telemetry: u32,
    pub(crate) peer: u32,
    pub(crate) service: u32,
}

/// A refused connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RefusedKey {
    pub(crate) telemetry: u32,
    pub(crate) peer: u32,
    pub(crate) flags: ResponseFlags,
}

/// Families of series, by key.
type Family<K, S> = RefCell<HashMap<K, Rc<Labelled<S>>>>;

/// A series with its label text, without braces.
#[derive(Debug)]
pub(crate) struct Labelled<S> {
    labels: Arc<str>,
    pub(crate) series: S,
}

/// All that one thread counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    telemetries: Interner<TelemetryKey>,
    peers: Interner<Peer>,
    services: Interner<Option<Fqdn>>,
    requests: Family<RequestKey, RequestSeries>,
    messages: Family<MessageKey, MessageSeries>,
    tcp: Family<TcpKey, TcpSeries>,
    refused: Family<RefusedKey, Cell<u64>>,
}

/// [`Telemetry`] as a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct TelemetryKey {
    reporter: vigla_model::Reporter,
    local: PeerIdentity,
    service: Option<Fqdn>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            telemetries: Interner::new(MAX_SERIES),
            peers: Interner::new(MAX_PEERS),
            services: Interner::new(MAX_PEERS),
            requests: Family::default(),
            messages: Family::default(),
            tcp: Family::default(),
            refused: Family::default(),
        }
    }

    /// Number of a listener's labels.
    pub(crate) fn telemetry(&self, telemetry: &Telemetry) -> u32 {
        self.telemetries.number(&TelemetryKey {
            reporter: telemetry.reporter,
            local: telemetry.local.clone(),
            service: telemetry.service.clone(),
        })
    }

    /// Number of the other end.
    pub(crate) fn peer(&self, peer: &Peer) -> u32 {
        self.peers.number(peer)
    }

    /// Who has this number.
    pub(crate) fn identity(&self, peer: u32) -> Option<PeerIdentity> {
        self.peers.value(peer).map(|peer| peer.identity.clone())
    }

    /// Number of the service that requests are meant for.
    pub(crate) fn service(&self, service: &Option<Fqdn>) -> u32 {
        self.services.number(service)
    }

    /// The series of a request.
    pub(crate) fn request(&self, key: RequestKey) -> Rc<Labelled<RequestSeries>> {
        let overflow = |key: RequestKey| RequestKey {
            peer: OVERFLOW,
            ..key
        };
        find(&self.requests, key, overflow, |key| self.request_labels(key))
    }

    /// The series of gRPC messages.
    pub(crate) fn messages(&self, key: MessageKey) -> Rc<Labelled<MessageSeries>> {
        let overflow = |key: MessageKey| MessageKey {
            peer: OVERFLOW,
            ..key
        };
        find(&self.messages, key, overflow, |key| self.message_labels(key))
    }

    /// The series of a TCP connection.
    pub(crate) fn tcp(&self, key: TcpKey) -> Rc<Labelled<TcpSeries>> {
        let overflow = |key: TcpKey| TcpKey {
            peer: OVERFLOW,
            ..key
        };
        find(&self.tcp, key, overflow, |key| self.tcp_labels(key))
    }

    /// Counts a refused connection.
    pub(crate) fn count_refused(&self, key: RefusedKey) {
        let overflow = |key: RefusedKey| RefusedKey {
            peer: OVERFLOW,
            ..key
        };
        let refused = find(&self.refused, key, overflow, |key| self.refused_labels(key));
        refused.series.set(refused.series.get() + 1);
    }

    /// A copy of everything, for the scrape.
    pub(crate) fn copy(&self) -> Scrape {
        let mut scrape = Scrape::default();
        for labelled in self.requests.borrow().values() {
            scrape
                .requests
                .push((labelled.labels.clone(), labelled.series.copy()));
        }
        for labelled in self.messages.borrow().values() {
            scrape
                .messages
                .push((labelled.labels.clone(), labelled.series.copy()));
        }
        for labelled in self.tcp.borrow().values() {
            scrape.tcp.push((labelled.labels.clone(), labelled.series.copy()));
        }
        for labelled in self.refused.borrow().values() {
            scrape
                .refused
                .push((labelled.labels.clone(), labelled.series.get()));
        }
        scrape
    }
}

fn find<K: Hash + Eq + Copy, S: Default>(
    family: &Family<K, S>,
    key: K,
    overflow: impl Fn(K) -> K,
    labels: impl Fn(K) -> String,
) -> Rc<Labelled<S>> {
    let mut family = family.borrow_mut();
    if let Some(labelled) = family.get(&key) {
        return Rc::clone(labelled);
    }
    let key = if family.len() < MAX_SERIES {
        key
    } else {
        overflow(key)
    };
    let new = || {
        Rc::new(Labelled {
            labels: labels(key).into(),
            series: S::default(),
        })
    };
    Rc::clone(family.entry(key).or_insert_with(new))
}

/// What a worker had counted at one moment, by label text.
#[derive(Debug, Default)]
pub(crate) struct Scrape {
    pub(crate) requests: Vec<(Arc<str>, series::RequestCounts)>,
    pub(crate) messages: Vec<(Arc<str>, series::MessageCounts)>,
    pub(crate) tcp: Vec<(Arc<str>, series::TcpCounts)>,
    pub(crate) refused: Vec<(Arc<str>, u64)>,
}

#[cfg(test)]
mod tests;
