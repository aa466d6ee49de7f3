//! Clusters and endpoints as one worker sees them: connections, and how busy each endpoint is.

mod connect;
mod pool;

use std::{cell::Cell, collections::HashMap, net::SocketAddr, rc::Rc, sync::Arc, time::Instant};

use vigla_dataplane::{Endpoint, HttpVersion};

use crate::{
    config::ClusterConfig,
    metrics::{Metrics, Peer},
    random::Random,
};

use connect::Connector;
pub(crate) use connect::{ConnectError, Stream};
use pool::Pool;
pub(crate) use pool::{CONNECTION_WINDOW, Connection, SEND_BUFFER, STREAM_WINDOW, Sender};

/// A cluster of this worker.
pub(crate) struct ClusterState {
    pub(crate) config: Arc<ClusterConfig>,
    pub(crate) endpoints: Vec<Rc<EndpointState>>,
    turn: Cell<u32>,
}

/// An endpoint of this worker.
pub(crate) struct EndpointState {
    pub(crate) address: SocketAddr,
    /// Number of its [`Peer`].
    pub(crate) peer: u32,
    /// Whether a sidecar is there.
    pub(crate) has_sidecar: bool,
    connector: Connector,
    in_flight: Cell<u32>,
    requests: Cell<u64>,
    connect_failures: Cell<u64>,
    pool: Pool,
}

impl ClusterState {
    /// Sets up a cluster; endpoints that were there before keep their connections.
    pub(crate) fn new(config: Arc<ClusterConfig>, before: Option<&Self>, metrics: &Metrics) -> Self {
        let known: HashMap<SocketAddr, &Rc<EndpointState>> = before
            .iter()
            .flat_map(|before| before.endpoints.iter())
            .map(|endpoint| (endpoint.address, endpoint))
            .collect();
        let endpoints = config.endpoints.endpoints.iter().map(|endpoint| {
            let state = EndpointState::new(endpoint, &config, metrics);
            match known.get(&endpoint.address) {
                Some(known) if known.is_same(&state) => Rc::clone(known),
                _ => Rc::new(state),
            }
        });
        Self {
            endpoints: endpoints.collect(),
            config,
            turn: Cell::new(before.map_or(0, |before| before.turn.get())),
        }
    }

    /// Picks an endpoint, by preference none of `avoid`.
    pub(crate) fn pick(&self, random: &Random, avoid: &[usize]) -> Option<usize> {
        /// How often another endpoint is looked for, as Istio configures Envoy.
        const PICKS: usize = 5;
        let mut turn = self.turn.get();
        let mut pick = || {
            let busy = |endpoint: usize| self.endpoints[endpoint].in_flight.get();
            self.config
                .lot
                .pick(self.config.cluster.balancer, &mut turn, &mut &*random, busy)
        };
        let mut picked = pick()?;
        for _ in 1..PICKS {
            if !avoid.contains(&picked) {
                break;
            }
            picked = pick()?;
        }
        self.turn.set(turn);
        Some(picked)
    }

    /// Closes connections that were idle for too long, or that the endpoint has closed.
    pub(crate) fn close_idle(&self, now: Instant) {
        for endpoint in &self.endpoints {
            endpoint.pool.close_idle(now);
        }
    }
}

impl EndpointState {
    fn new(endpoint: &Endpoint, config: &ClusterConfig, metrics: &Metrics) -> Self {
        let tls = config
            .tls
            .as_ref()
            .filter(|tls| tls.applies(endpoint))
            .map(|tls| tls.client.clone());
        let peer = Peer {
            identity: endpoint.identity.clone(),
            address: None,
            mutual_tls: tls.is_some() && config.tls.as_ref().is_some_and(|tls| tls.is_mesh),
        };
        Self {
            address: endpoint.address,
            peer: metrics.peer(&peer),
            has_sidecar: endpoint.mesh_tls,
            connector: Connector {
                address: endpoint.address,
                tls,
                limit: config.cluster.connect_timeout,
            },
            in_flight: Cell::new(0),
            requests: Cell::new(0),
            connect_failures: Cell::new(0),
            pool: Pool::new(config.cluster.http == HttpVersion::Http2),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        self.connector.is_same(&other.connector)
            && self.pool.is_http2() == other.pool.is_http2()
            && self.peer == other.peer
            && self.has_sidecar == other.has_sidecar
    }

    /// Whether it is spoken to by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.connector.tls.is_some()
    }

    /// Requests that it works on now, all that it was sent, and connections that failed.
    pub(crate) fn counts(&self) -> (u32, u64, u64) {
        (
            self.in_flight.get(),
            self.requests.get(),
            self.connect_failures.get(),
        )
    }

    /// Marks the endpoint as busy with one more request until the mark is dropped.
    pub(crate) fn busy(self: &Rc<Self>) -> Busy {
        self.in_flight.set(self.in_flight.get() + 1);
        self.requests.set(self.requests.get() + 1);
        Busy(Rc::clone(self))
    }

    /// Whether HTTP/2 is spoken to it.
    pub(crate) fn is_http2(&self) -> bool {
        self.pool.is_http2()
    }

    /// A connection that is ready for a request: one that is there, or a new one.
    pub(crate) async fn connection(&self) -> Result<Connection, ConnectError> {
        self.pool.connection(|| self.connect()).await
    }

    /// Takes a connection back whose last exchange is over.
    pub(crate) fn give_back(&self, connection: Connection) {
        self.pool.give_back(connection);
    }

    /// Opens a stream, with TLS when the cluster asks for it. The cluster's limit covers both.
    pub(crate) async fn connect(&self) -> Result<(Stream, Option<SocketAddr>), ConnectError> {
        let opened = self.connector.connect().await;
        if opened.is_err() {
            self.connect_failures.set(self.connect_failures.get() + 1);
        }
        opened
    }
}

/// An endpoint that works on a request; it is less busy when this is dropped.
pub(crate) struct Busy(Rc<EndpointState>);

impl Busy {
    /// The endpoint.
    pub(crate) fn endpoint(&self) -> &Rc<EndpointState> {
        &self.0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
    }
}
