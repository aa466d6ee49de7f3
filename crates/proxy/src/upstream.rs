//! Clusters and endpoints as one worker sees them: connections, and how busy each endpoint is.

mod breaker;
mod connect;
mod outlier;
mod passthrough;
mod pool;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Instant,
};

use vigla_dataplane::{Balancer, Discovery, Endpoint, HttpVersion, Lot};

use crate::{
    config::ClusterConfig,
    downstream::Downstream,
    metrics::{Metrics, Peer},
    random::Random,
};

pub(crate) use breaker::{Bound, Breaker, Permit};
pub(crate) use connect::ConnectError;
use connect::{Connector, Opened};
use outlier::Health;
pub(crate) use outlier::{Outliers, TryEnd};
use passthrough::Hosts;
use pool::Pool;
pub(crate) use pool::{CONNECTION_WINDOW, Connection, SEND_BUFFER, STREAM_WINDOW, Sender};

/// A cluster of this worker.
pub(crate) struct ClusterState {
    pub(crate) config: Arc<ClusterConfig>,
    pub(crate) endpoints: Vec<Rc<EndpointState>>,
    turn: Cell<u32>,
    /// Those that are not ejected, as of a generation of the cluster's outliers; `None`: nothing was ever ejected.
    alive: RefCell<Option<(u32, Lot)>>,
    /// Where requests choose their host themselves.
    hosts: Hosts,
}

/// An endpoint of this worker.
pub(crate) struct EndpointState {
    pub(crate) address: SocketAddr,
    /// Number of its [`Peer`].
    pub(crate) peer: u32,
    /// Whether a sidecar is there.
    pub(crate) has_sidecar: bool,
    connector: Connector,
    health: Arc<Health>,
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
            alive: RefCell::default(),
            hosts: Hosts::default(),
        }
    }

    /// The cluster of the host that a request names; itself where its endpoints are the same for all requests. `None`:
    /// the host has no address to go to.
    pub(crate) async fn toward(
        self: Rc<Self>,
        authority: &str,
        is_http2: bool,
        downstream: &Downstream,
    ) -> Option<Rc<Self>> {
        if self.config.cluster.discovery != Discovery::Passthrough {
            return Some(self);
        }
        let (own, metrics) = (downstream.local_address, &downstream.worker.metrics);
        self.hosts
            .find(&self.config, authority, is_http2, own, metrics)
            .await
    }

    /// Picks an endpoint, by preference none of `avoid`; by the hash where the cluster asks for one.
    pub(crate) fn pick(&self, random: &Random, hash: Option<u64>, avoid: &[usize]) -> Option<usize> {
        /// How often another endpoint is looked for, as Istio configures Envoy.
        const PICKS: usize = 5;
        self.leave_out_ejected();
        let alive = self.alive.borrow();
        let lot = alive.as_ref().map_or(&self.config.lot, |(_, lot)| lot);
        let by_hash = matches!(
            self.config.cluster.balancer,
            Balancer::RingHash { .. } | Balancer::Maglev { .. }
        );
        if let Some(hash) = hash.filter(|_| by_hash) {
            return lot.pick_by_hash(hash, avoid);
        }
        let mut turn = self.turn.get();
        let mut pick = || {
            let busy = |endpoint: usize| self.endpoints[endpoint].in_flight.get();
            lot.pick(self.config.cluster.balancer, &mut turn, &mut &*random, busy)
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

    /// Draws a new lot when an endpoint was ejected or came back. When fewer are left than the rules ask for, all
    /// take part (Envoy's panic).
    fn leave_out_ejected(&self) {
        let generation = self.config.outliers.generation();
        let known = self.alive.borrow().as_ref().map_or(0, |(known, _)| *known);
        if generation == known {
            return;
        }
        let mut endpoints = self.config.endpoints.endpoints.clone();
        for (endpoint, state) in endpoints.iter_mut().zip(&self.endpoints) {
            endpoint.healthy &= !state.health.is_ejected();
        }
        let rules = self.config.cluster.outlier.as_ref();
        let least = rules.map_or(0, |rules| rules.min_health_percent as usize);
        let healthy = endpoints.iter().filter(|endpoint| endpoint.healthy).count();
        if healthy * 100 < least * endpoints.len() {
            for endpoint in &mut endpoints {
                endpoint.healthy = true;
            }
        }
        *self.alive.borrow_mut() = Some((generation, Lot::new(&endpoints)));
    }

    /// Marks an endpoint as busy with one more request until the mark is dropped; `None`: there are too many.
    pub(crate) fn busy(&self, picked: usize) -> Option<Busy> {
        let permit = self.acquire(Bound::Requests)?;
        Some(self.endpoints[picked].busy(permit))
    }

    /// Counts one more of something that is bounded.
    pub(crate) fn acquire(&self, bound: Bound) -> Option<Permit> {
        self.config.acquire(bound)
    }

    /// Takes note of how a try ended.
    pub(crate) fn record(&self, endpoint: &EndpointState, end: TryEnd) {
        if let Some(rules) = &self.config.cluster.outlier {
            let (outliers, count) = (&self.config.outliers, self.endpoints.len());
            if outliers.record(rules, &endpoint.health, end, count, Instant::now()) {
                tracing::info!(cluster = &*self.config.cluster.name, endpoint = %endpoint.address, "ejected");
            }
        }
    }

    /// Takes back endpoints whose ejection is over.
    pub(crate) fn look_at_ejected(&self, now: Instant) {
        self.config
            .outliers
            .look(self.config.cluster.outlier.as_ref(), now);
    }

    /// Closes connections that were idle for too long, or that the endpoint has closed.
    pub(crate) fn close_idle(&self, now: Instant) {
        for endpoint in &self.endpoints {
            endpoint
                .pool
                .close_idle(now, self.config.cluster.connection_pool.idle_timeout);
        }
        for host in self.hosts.all() {
            host.close_idle(now);
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
                keepalive: config.cluster.connection_pool.keepalive,
            },
            health: config.outliers.health(endpoint.address),
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
            && Arc::ptr_eq(&self.health, &other.health)
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
    fn busy(self: &Rc<Self>, permit: Permit) -> Busy {
        self.in_flight.set(self.in_flight.get() + 1);
        self.requests.set(self.requests.get() + 1);
        Busy(Rc::clone(self), permit)
    }

    /// Whether HTTP/2 is spoken to it.
    pub(crate) fn is_http2(&self) -> bool {
        self.pool.is_http2()
    }

    /// A connection that is ready for a request: one that is there, or a new one.
    pub(crate) async fn connection(&self, cluster: &ClusterConfig) -> Result<Connection, ConnectError> {
        self.pool.connection(cluster, self.connect()).await
    }

    /// Whether it is left out for having failed.
    pub(crate) fn is_ejected(&self) -> bool {
        self.health.is_ejected()
    }

    /// Takes a connection back whose last exchange is over.
    pub(crate) fn give_back(&self, connection: Connection) {
        self.pool.give_back(connection);
    }

    /// Opens a stream, with TLS when the cluster asks for it. The cluster's limit covers both.
    pub(crate) async fn connect(&self) -> Result<Opened, ConnectError> {
        let opened = self.connector.connect().await;
        if opened.is_err() {
            self.connect_failures.set(self.connect_failures.get() + 1);
        }
        opened
    }
}

/// An endpoint that works on a request; it is less busy when this is dropped.
pub(crate) struct Busy(
    Rc<EndpointState>,
    #[expect(dead_code, reason = "its end counts")] Permit,
);

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

impl ClusterConfig {
    /// Counts one more of something that is bounded; `None`: there are too many.
    pub(crate) fn acquire(&self, bound: Bound) -> Option<Permit> {
        let pool = &self.cluster.connection_pool;
        let limit = match bound {
            Bound::Connections => pool.max_connections,
            Bound::Pending => pool.max_pending_requests,
            Bound::Requests => pool.max_requests,
            Bound::Retries => pool.max_retries,
        };
        self.breaker.acquire(bound, limit)
    }
}
