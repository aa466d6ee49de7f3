//! Clusters and endpoints as one worker sees them: connections, and how busy each endpoint is.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use vigla_dataplane::Endpoint;

use crate::{
    config::{ClusterConfig, TlsClient},
    http::UpstreamBody,
    metrics::{Metrics, Peer},
    random::Random,
};

/// Idle connections that are kept for one endpoint. More than these come from a burst and are closed.
const MAX_IDLE: usize = 128;
/// How long an idle connection is kept.
const MAX_IDLE_TIME: Duration = Duration::from_secs(60);

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
    tls: Option<Result<Arc<TlsClient>, Arc<str>>>,
    connect_timeout: Duration,
    in_flight: Cell<u32>,
    requests: Cell<u64>,
    connect_failures: Cell<u64>,
    idle: RefCell<Vec<Connection>>,
}

/// An HTTP connection to an endpoint.
pub(crate) struct Connection {
    pub(crate) sender: http1::SendRequest<UpstreamBody>,
    pub(crate) local_address: Option<SocketAddr>,
    idle_since: Instant,
    /// Whether a request was sent on it before.
    pub(crate) reused: bool,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// Not within the cluster's limit.
    Timeout,
    /// Refused, unreachable, or no TLS session; in words.
    Failed(String),
}

/// A stream to an endpoint.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
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
            endpoint.idle.borrow_mut().retain(|connection| {
                !connection.sender.is_closed() && now.duration_since(connection.idle_since) < MAX_IDLE_TIME
            });
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
            mutual_tls: tls.is_some(),
        };
        Self {
            address: endpoint.address,
            peer: metrics.peer(&peer),
            has_sidecar: endpoint.mesh_tls,
            tls,
            connect_timeout: config.cluster.connect_timeout,
            in_flight: Cell::new(0),
            requests: Cell::new(0),
            connect_failures: Cell::new(0),
            idle: RefCell::default(),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let same_tls = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(Ok(a)), Some(Ok(b))) => Arc::ptr_eq(a, b),
            _ => false,
        };
        same_tls
            && self.peer == other.peer
            && self.has_sidecar == other.has_sidecar
            && self.connect_timeout == other.connect_timeout
    }

    /// Whether it is spoken to by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
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

    /// A connection that is ready for a request: an idle one, or a new one.
    pub(crate) async fn connection(&self) -> Result<Connection, ConnectError> {
        loop {
            // Its own statement, so that the borrow does not last over the wait.
            let idle = self.idle.borrow_mut().pop();
            let Some(mut connection) = idle else { break };
            if connection.sender.is_closed() {
                continue;
            }
            if connection.sender.is_ready() || connection.sender.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        match self.connect().await? {
            (Stream::Plain(stream), local) => handshake(stream, local).await,
            (Stream::Tls(stream), local) => handshake(stream, local).await,
        }
    }

    /// Takes a connection back whose last exchange is over.
    pub(crate) fn give_back(&self, mut connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        if !connection.sender.is_closed() && idle.len() < MAX_IDLE {
            connection.idle_since = Instant::now();
            connection.reused = true;
            idle.push(connection);
        }
    }

    /// Opens a stream, with TLS when the cluster asks for it. The cluster's limit covers both.
    pub(crate) async fn connect(&self) -> Result<(Stream, Option<SocketAddr>), ConnectError> {
        let opened = tokio::time::timeout(self.connect_timeout, self.open()).await;
        let opened = opened.unwrap_or(Err(ConnectError::Timeout));
        if opened.is_err() {
            self.connect_failures.set(self.connect_failures.get() + 1);
        }
        opened
    }

    async fn open(&self) -> Result<(Stream, Option<SocketAddr>), ConnectError> {
        let failed = |error: std::io::Error| ConnectError::Failed(error.to_string());
        let stream = TcpStream::connect(self.address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let local = stream.local_addr().ok();
        match &self.tls {
            None => Ok((Stream::Plain(stream), local)),
            Some(Err(problem)) => Err(ConnectError::Failed(problem.to_string())),
            Some(Ok(tls)) => {
                let session = tls.connector.connect(tls.name.clone(), stream).await;
                let session = session.map_err(|error| ConnectError::Failed(format!("TLS: {error}")))?;
                Ok((Stream::Tls(Box::new(session)), local))
            }
        }
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    local_address: Option<SocketAddr>,
) -> Result<Connection, ConnectError> {
    let (sender, connection) = http1::Builder::new()
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| ConnectError::Failed(error.to_string()))?;
    tokio::task::spawn_local(async move {
        // An error here shows at the request that it hits; without one nobody needs to know.
        let _ = connection.await;
    });
    Ok(Connection {
        sender,
        local_address,
        idle_since: Instant::now(),
        reused: false,
    })
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
