//! Listeners of one worker: accept, choose a filter chain, hand the connection on.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use http::HeaderValue;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use vigla_dataplane::{
    Authorization, Direction, FilterChain, FirstBytes, Matched, Network, RouteSource, Router, Tracing,
    find_chain, pick_tcp,
};
use vigla_identity::peer_identity;
use vigla_model::{PeerIdentity, ResponseFlag, ResponseFlags};

use crate::{
    access_log::{Line, LineHead},
    config::ListenerConfig,
    downstream::Downstream,
    hello,
    http::{HeadWatch, Version, serve},
    limit::Limiter,
    metrics::{Metrics, Peer, RefusedKey},
    tcp,
    worker::Worker,
};

/// How long a caller may take for its TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Connections of one worker. Each costs up to about 20 KiB of buffers, so this bounds the memory to some
/// hundred MiB; those beyond it are closed at once.
const MAX_CONNECTIONS: usize = 16_384;

/// A listener of this worker.
pub(crate) struct ListenerState {
    config: RefCell<Arc<ListenerConfig>>,
    chains: RefCell<Vec<Rc<Chain>>>,
    accepting: RefCell<Option<JoinHandle<()>>>,
}

/// A filter chain of this worker. Connections hold it: new routes reach them, and when the chain is gone they
/// are drained.
pub(crate) struct Chain {
    shape: RefCell<FilterChain>,
    tls: RefCell<Option<TlsAcceptor>>,
    inline: RefCell<Option<Rc<Table>>>,
    tracing: RefCell<Option<Rc<Tracing>>>,
    limiter: RefCell<Option<Arc<Limiter>>>,
    is_drained: Cell<bool>,
    drain: Notify,
}

/// A route table of this worker.
pub(crate) struct Table {
    pub(crate) router: Arc<Router>,
    /// Number of the service of each route, by virtual host and route; `None` where the route names none.
    services: Vec<Vec<Option<u32>>>,
}

impl Table {
    pub(crate) fn new(router: Arc<Router>, metrics: &Metrics) -> Rc<Self> {
        let services = router
            .table()
            .virtual_hosts
            .iter()
            .map(|host| {
                let numbers = host.routes.iter().map(|route| {
                    route
                        .service
                        .as_ref()
                        .map(|service| metrics.service(&Some(service.clone())))
                });
                numbers.collect()
            })
            .collect();
        Rc::new(Self { router, services })
    }

    /// Number of the service that a route counts for.
    pub(crate) fn service(&self, matched: &Matched<'_>) -> Option<u32> {
        self.services[matched.virtual_host_index][matched.route_index]
    }
}

impl Chain {
    /// The routes in force; `None`: there are none.
    pub(crate) fn routes(&self, worker: &Worker) -> Option<Rc<Table>> {
        if let Some(inline) = &*self.inline.borrow() {
            return Some(Rc::clone(inline));
        }
        match &self.shape.borrow().network {
            Network::Http(RouteSource::Named(name)) => worker.table(name),
            Network::Http(RouteSource::Inline(_)) | Network::Tcp { .. } => None,
        }
    }

    /// Whether and where spans are made.
    pub(crate) fn tracing(&self) -> Option<Rc<Tracing>> {
        self.tracing.borrow().clone()
    }

    /// How many requests it takes.
    pub(crate) fn limiter(&self) -> Option<Arc<Limiter>> {
        self.limiter.borrow().clone()
    }

    /// Who may call.
    pub(crate) fn authorization(&self) -> Option<Arc<Authorization>> {
        self.shape.borrow().authorization.clone()
    }

    /// Ends when connections of this chain should end.
    pub(crate) fn drained(self: &Rc<Self>) -> impl Future<Output = ()> + use<> {
        let chain = Rc::clone(self);
        async move {
            while !chain.is_drained.get() {
                chain.drain.notified().await;
            }
        }
    }

    fn start_drain(&self) {
        self.is_drained.set(true);
        self.drain.notify_waiters();
    }

    /// Whether connections can stay when this becomes `next`: what was decided when they came still holds.
    fn can_become(&self, next: &FilterChain) -> bool {
        let shape = self.shape.borrow();
        let same_network = match (&shape.network, &next.network) {
            (Network::Http(_), Network::Http(_)) => true,
            // Requests ask anew who may call; a connection was let through once.
            (old, new) => old == new && shape.authorization == next.authorization,
        };
        shape.name == next.name && shape.matches == next.matches && shape.tls == next.tls && same_network
    }
}

impl ListenerState {
    /// Starts to accept on a socket.
    pub(crate) fn start(worker: &Rc<Worker>, config: &Arc<ListenerConfig>, socket: TcpListener) -> Rc<Self> {
        let listener = Rc::new(Self {
            config: RefCell::new(Arc::clone(config)),
            chains: RefCell::default(),
            accepting: RefCell::default(),
        });
        listener.apply(worker, config);
        let accepting = accept(Rc::clone(worker), Rc::clone(&listener), socket);
        let task = tokio::task::spawn_local(accepting);
        *listener.accepting.borrow_mut() = Some(task);
        listener
    }

    /// Takes a new shape. Connections whose chain is gone, or was decided otherwise now, are drained.
    pub(crate) fn apply(&self, worker: &Worker, config: &Arc<ListenerConfig>) {
        if Arc::ptr_eq(config, &self.config.borrow()) && !self.chains.borrow().is_empty() {
            return;
        }
        let mut before = std::mem::take(&mut *self.chains.borrow_mut());
        let tracing = config.listener.tracing.clone().map(Rc::new);
        let shapes = config.listener.chains.iter().zip(&config.chains);
        let chains = shapes.map(|(shape, prepared)| {
            let inline = prepared
                .inline
                .as_ref()
                .map(|router| Table::new(router.clone(), &worker.metrics));
            let kept = before.iter().position(|chain| chain.can_become(shape));
            match kept.map(|at| before.swap_remove(at)) {
                Some(chain) => {
                    *chain.shape.borrow_mut() = shape.clone();
                    *chain.tls.borrow_mut() = prepared.tls.clone();
                    *chain.inline.borrow_mut() = inline;
                    *chain.tracing.borrow_mut() = tracing.clone();
                    chain.limiter.borrow_mut().clone_from(&prepared.limiter);
                    chain
                }
                None => Rc::new(Chain {
                    shape: RefCell::new(shape.clone()),
                    tls: RefCell::new(prepared.tls.clone()),
                    inline: RefCell::new(inline),
                    tracing: RefCell::new(tracing.clone()),
                    limiter: RefCell::new(prepared.limiter.clone()),
                    is_drained: Cell::new(false),
                    drain: Notify::new(),
                }),
            }
        });
        *self.chains.borrow_mut() = chains.collect();
        *self.config.borrow_mut() = Arc::clone(config);
        before.iter().for_each(|chain| chain.start_drain());
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.config.borrow().listener.address
    }

    /// Accepts nothing more, and drains what is there. The socket is closed when this ends.
    pub(crate) async fn stop(&self) {
        self.chains.borrow().iter().for_each(|chain| chain.start_drain());
        let accepting = self.accepting.borrow_mut().take();
        if let Some(accepting) = accepting {
            accepting.abort();
            // It ends by being aborted: that is no news.
            let _ = accepting.await;
        }
    }
}

async fn accept(worker: Rc<Worker>, listener: Rc<ListenerState>, socket: TcpListener) {
    loop {
        match socket.accept().await {
            Ok((stream, remote)) => {
                if worker.connections.get() >= MAX_CONNECTIONS {
                    continue;
                }
                let (worker, listener) = (Rc::clone(&worker), Rc::clone(&listener));
                tokio::task::spawn_local(async move {
                    let _counted = worker.count_connection();
                    connection(&worker, &listener, stream, remote).await;
                });
            }
            // Out of files, or the caller left while it waited: others must not wait for it, nor the loop spin.
            Err(error) => {
                tracing::debug!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn connection(worker: &Rc<Worker>, listener: &ListenerState, stream: TcpStream, remote: SocketAddr) {
    let config = Arc::clone(&listener.config.borrow());
    let Ok(local) = stream.local_addr() else { return };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let looked = if config.needs_bytes {
        hello::look(&stream, config.needs_name).await
    } else {
        Some(hello::Hello::default())
    };
    let Some(looked) = looked else { return };
    // The listener may have changed while the caller took its time.
    let config = Arc::clone(&listener.config.borrow());
    let first = FirstBytes {
        tls: looked.tls,
        server_name: looked.server_name.as_deref(),
    };
    let Some((index, _)) = find_chain(&config.listener.chains, first) else {
        refuse(worker, &config, local, remote);
        return;
    };
    let chain = Rc::clone(&listener.chains.borrow()[index]);
    let acceptor = chain.tls.borrow().clone();
    match acceptor {
        None => {
            let downstream = describe(worker, &config, chain, local, remote, None);
            hand_on(stream, downstream).await;
        }
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let downstream = describe(worker, &config, chain, local, remote, Some(&stream));
                hand_on(stream, downstream).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, %remote, "TLS handshake with a caller failed"),
            Err(_) => tracing::debug!(%remote, "TLS handshake with a caller took too long"),
        },
    }
}

async fn hand_on<T: AsyncRead + AsyncWrite + Unpin + 'static>(stream: T, downstream: Rc<Downstream>) {
    let cluster = match &downstream.chain.shape.borrow().network {
        Network::Http(_) => None,
        Network::Tcp { clusters } => {
            let picked = pick_tcp(clusters, &mut &downstream.worker.random);
            Some(picked.map(|picked| picked.cluster.clone()))
        }
    };
    match cluster {
        None => serve(stream, downstream).await,
        Some(cluster) => tcp::proxy(stream, downstream, cluster.as_deref()).await,
    }
}

fn describe(
    worker: &Rc<Worker>,
    config: &ListenerConfig,
    chain: Rc<Chain>,
    local_address: SocketAddr,
    remote_address: SocketAddr,
    tls: Option<&TlsStream<TcpStream>>,
) -> Rc<Downstream> {
    let listener = &config.listener;
    let session = tls.map(|tls| tls.get_ref().1);
    let certificate = session.and_then(|session| session.peer_certificates()?.first());
    let identity = certificate.map(peer_identity);
    let telemetry = &listener.telemetry;
    let principal = identity
        .as_ref()
        .and_then(|identity| Some(identity.principal.as_ref()?.to_string().into()));
    let is_mutual_tls = identity.is_some();
    let client_certificate = identity.as_ref().and_then(|identity| {
        let (caller, local) = (identity.principal.as_ref()?, telemetry.local.principal.as_ref()?);
        HeaderValue::try_from(format!("By={local};URI={caller}")).ok()
    });
    let caller = (listener.direction == Direction::Inbound).then(|| {
        worker.metrics.peer(&Peer {
            address: (!is_mutual_tls).then(|| remote_address.ip()),
            identity: identity.unwrap_or_default(),
            mutual_tls: is_mutual_tls,
        })
    });
    Rc::new(Downstream {
        worker: Rc::clone(worker),
        chain,
        direction: listener.direction,
        local: telemetry.local.clone(),
        telemetry: worker.metrics.telemetry(telemetry),
        listener_service: worker.metrics.service(&telemetry.service),
        caller,
        is_mutual_tls,
        principal,
        is_tls: tls.is_some(),
        alpn: session.and_then(|session| Version::of_alpn(session.alpn_protocol()?)),
        client_certificate,
        peer_header: peer_header(&telemetry.local),
        watch: HeadWatch::new(),
        local_address,
        remote_address,
        server_name: session.and_then(|session| session.server_name()).map(Into::into),
    })
}

fn peer_header(local: &PeerIdentity) -> Option<HeaderValue> {
    let (workload, namespace) = (local.workload.as_ref()?, local.namespace.as_ref()?);
    HeaderValue::try_from(format!("{workload}.{namespace}")).ok()
}

/// Counts and logs a connection that no chain takes; it is closed by being dropped.
fn refuse(worker: &Worker, config: &ListenerConfig, local: SocketAddr, remote: SocketAddr) {
    let flags = ResponseFlags::NONE.with(ResponseFlag::NoRoute);
    worker.metrics.count_refused(RefusedKey {
        telemetry: worker.metrics.telemetry(&config.listener.telemetry),
        peer: worker.metrics.peer(&Peer {
            address: Some(remote.ip()),
            ..Peer::default()
        }),
        flags,
    });
    if worker.log.is_on() {
        worker.log.add(&Line {
            head: &LineHead::none(),
            duration: Duration::ZERO,
            route_name: None,
            response_code: 0,
            response_flags: flags,
            response_code_details: None,
            policy: None,
            trace_id: None,
            connection_termination_details: Some("filter_chain_not_found"),
            bytes_received: 0,
            bytes_sent: 0,
            upstream_service_time: None,
            upstream_host: None,
            upstream_cluster: None,
            upstream_local_address: None,
            upstream_transport_failure_reason: None,
            downstream_local_address: local,
            downstream_remote_address: remote,
            requested_server_name: None,
        });
    }
}
