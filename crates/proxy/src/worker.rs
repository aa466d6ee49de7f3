//! One worker: a thread with a runtime of its own, its connections, pools and counters. Workers share nothing
//! that a request touches; they get configs and questions through a queue.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::LocalSet,
};

use crate::{
    access_log::{AccessLog, LogFile},
    config::Config,
    listener::{ListenerState, Table},
    metrics::{Metrics, Peer, Scrape},
    random::Random,
    status::ClusterStatus,
    trace::{SpanQueue, Spans},
    upstream::ClusterState,
};

/// Commands that may wait for a worker: a few scrapes and one config. Who sends more waits.
const QUEUE: usize = 16;
/// How often lines are written out and idle connections closed.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Sockets of listeners, by address: a listener with another name takes over where one was before.
pub(crate) type Sockets = HashMap<SocketAddr, Arc<StdListener>>;

/// Names that one worker looks up at a time: each takes a thread while it lasts, and the others wait.
const LOOK_UPS: usize = 4;

/// What a worker is asked to do.
pub(crate) enum Command {
    /// Take a config; `sockets` has one for each listener.
    Apply {
        config: Arc<Config>,
        sockets: Arc<Sockets>,
        done: oneshot::Sender<()>,
    },
    /// Give a copy of all counters.
    Scrape(oneshot::Sender<Scrape>),
    /// Tell about clusters and endpoints.
    Clusters(oneshot::Sender<Vec<ClusterStatus>>),
    /// Accept nothing more, finish what is there within the time, and end.
    Drain(Duration, oneshot::Sender<()>),
}

/// The state of a worker, on its thread.
pub(crate) struct Worker {
    pub(crate) metrics: Metrics,
    pub(crate) log: AccessLog,
    pub(crate) random: Random,
    pub(crate) spans: Spans,
    /// Number of the peer of whom nothing is known.
    pub(crate) unknown_peer: u32,
    /// How long a request's head may take.
    pub(crate) head_timeout: Duration,
    pub(crate) connections: Cell<usize>,
    /// Copies of requests that are under way.
    pub(crate) copies: Cell<usize>,
    tables: RefCell<HashMap<Arc<str>, Rc<Table>>>,
    clusters: RefCell<HashMap<Arc<str>, Rc<ClusterState>>>,
    listeners: RefCell<HashMap<Arc<str>, Rc<ListenerState>>>,
}

/// Starts a worker, which ends when the queue to it is dropped.
pub(crate) fn start(
    number: usize,
    log: Option<LogFile>,
    spans: SpanQueue,
    head_timeout: Duration,
) -> io::Result<mpsc::Sender<Command>> {
    let (commands, queue) = mpsc::channel(QUEUE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(LOOK_UPS)
        .build()?;
    std::thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(move || {
            let worker = Rc::new(Worker::new(AccessLog::new(log), Spans::new(spans), head_timeout));
            LocalSet::new().block_on(&runtime, run(queue, worker));
        })?;
    Ok(commands)
}

async fn run(mut queue: mpsc::Receiver<Command>, worker: Rc<Worker>) {
    let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
    loop {
        let command = tokio::select! {
            command = queue.recv() => command,
            _ = housekeeping.tick() => {
                worker.keep_house();
                continue;
            }
        };
        match command {
            Some(Command::Apply {
                config,
                sockets,
                done,
            }) => {
                worker.apply(&config, &sockets).await;
                let _ = done.send(());
            }
            Some(Command::Scrape(answer)) => drop(answer.send(worker.metrics.copy())),
            Some(Command::Clusters(answer)) => drop(answer.send(worker.cluster_status())),
            Some(Command::Drain(limit, done)) => {
                worker.drain(limit).await;
                let _ = done.send(());
                return;
            }
            None => {
                worker.drain(Duration::ZERO).await;
                return;
            }
        }
    }
}

impl Worker {
    fn new(log: AccessLog, spans: Spans, head_timeout: Duration) -> Self {
        let metrics = Metrics::new();
        Self {
            unknown_peer: metrics.peer(&Peer::default()),
            metrics,
            log,
            random: Random::new(),
            spans,
            head_timeout,
            connections: Cell::new(0),
            copies: Cell::new(0),
            tables: RefCell::default(),
            clusters: RefCell::default(),
            listeners: RefCell::default(),
        }
    }

    /// A route table by its name.
    pub(crate) fn table(&self, name: &str) -> Option<Rc<Table>> {
        self.tables.borrow().get(name).cloned()
    }

    /// A cluster by its name.
    pub(crate) fn cluster(&self, name: &str) -> Option<Rc<ClusterState>> {
        self.clusters.borrow().get(name).cloned()
    }

    /// Counts a connection until the answer is dropped.
    pub(crate) fn count_connection(self: &Rc<Self>) -> impl Drop + use<> {
        self.connections.set(self.connections.get() + 1);
        Connected(Rc::clone(self))
    }

    /// Clusters and routes first, so that no listener sends to what is not there yet.
    async fn apply(self: &Rc<Self>, config: &Config, sockets: &Sockets) {
        let clusters = {
            let before = self.clusters.borrow();
            let build = |(name, config): (&Arc<str>, &Arc<_>)| {
                let kept = before.get(name);
                let unchanged = kept.filter(|kept| Arc::ptr_eq(&kept.config, config)).cloned();
                let state = unchanged.unwrap_or_else(|| {
                    Rc::new(ClusterState::new(
                        Arc::clone(config),
                        kept.map(|kept| &**kept),
                        &self.metrics,
                    ))
                });
                (Arc::clone(name), state)
            };
            config.clusters.iter().map(build).collect()
        };
        *self.clusters.borrow_mut() = clusters;
        let tables = {
            let before = self.tables.borrow();
            let build = |(name, router): (&Arc<str>, &Arc<_>)| {
                let kept = before.get(name).filter(|kept| Arc::ptr_eq(&kept.router, router));
                let table = kept
                    .cloned()
                    .unwrap_or_else(|| Table::new(Arc::clone(router), &self.metrics));
                (Arc::clone(name), table)
            };
            config.tables.iter().map(build).collect()
        };
        *self.tables.borrow_mut() = tables;
        let mut before = std::mem::take(&mut *self.listeners.borrow_mut());
        let mut after = HashMap::new();
        for (name, listener) in &config.listeners {
            let state = match before.remove(name) {
                Some(state) if state.address() == listener.listener.address => {
                    state.apply(self, listener);
                    Some(state)
                }
                former => {
                    if let Some(former) = former {
                        former.stop().await;
                    }
                    self.listen(listener.listener.address, sockets)
                        .map(|socket| ListenerState::start(self, listener, socket))
                }
            };
            after.extend(state.map(|state| (Arc::clone(name), state)));
        }
        for gone in before.values() {
            gone.stop().await;
        }
        *self.listeners.borrow_mut() = after;
    }

    fn listen(&self, address: SocketAddr, sockets: &Sockets) -> Option<TcpListener> {
        let socket = sockets.get(&address)?;
        let listening = socket.try_clone().and_then(TcpListener::from_std);
        listening
            .inspect_err(|error| tracing::error!(%error, %address, "the socket cannot be used"))
            .ok()
    }

    fn keep_house(&self) {
        self.log.flush();
        self.spans.flush();
        let now = Instant::now();
        for cluster in self.clusters.borrow().values() {
            cluster.close_idle(now);
            cluster.look_at_ejected(now);
        }
    }

    fn cluster_status(&self) -> Vec<ClusterStatus> {
        self.clusters
            .borrow()
            .values()
            .map(|cluster| ClusterStatus::of(cluster))
            .collect()
    }

    async fn drain(&self, limit: Duration) {
        let listeners = std::mem::take(&mut *self.listeners.borrow_mut());
        for listener in listeners.values() {
            listener.stop().await;
        }
        let end = Instant::now() + limit;
        while self.connections.get() > 0 && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.log.flush();
        self.spans.flush();
    }
}

struct Connected(Rc<Worker>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
    }
}
