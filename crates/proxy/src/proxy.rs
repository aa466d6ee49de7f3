//! The proxy as a value: several can live in one process.

use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::sync::{Mutex, mpsc, oneshot};
use vigla_dataplane::Plan;
use vigla_xds::Secret;

use crate::{
    access_log::LogFile,
    config::Config,
    metrics,
    status::render_clusters,
    worker::{self, Command, Sockets},
};

/// How a proxy runs.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// Worker threads.
    pub concurrency: usize,
    /// Where requests are logged; `None`: nowhere.
    pub access_log: Option<AccessLogOptions>,
    /// How long a request's head may take from its first byte to its last; then it is answered 408.
    pub head_timeout: Duration,
}

/// The access log.
#[derive(Debug, Clone)]
pub struct AccessLogOptions {
    /// The file.
    pub path: PathBuf,
    /// What is over this moves to `FILE.1`.
    pub max_bytes: u64,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        Self {
            concurrency: 1,
            access_log: None,
            head_timeout: Duration::from_secs(10),
        }
    }
}

/// A running proxy. Dropping it closes everything at once; [`Proxy::drain`] ends it gently.
pub struct Proxy {
    workers: Vec<mpsc::Sender<Command>>,
    log: Option<LogFile>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    config: Arc<Config>,
    sockets: Arc<Sockets>,
}

impl Proxy {
    /// Starts the workers; without a plan they do nothing.
    ///
    /// # Errors
    /// When the access log cannot be opened or a thread cannot be started.
    pub fn start(options: &ProxyOptions) -> io::Result<Self> {
        let log = options.access_log.as_ref();
        let log = log
            .map(|log| LogFile::open(&log.path, log.max_bytes))
            .transpose()?;
        let workers = (0..options.concurrency.max(1))
            .map(|number| worker::start(number, log.clone(), options.head_timeout))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            workers,
            log,
            state: Mutex::default(),
        })
    }

    /// Does from now on what the plan says. Listeners whose address stays keep their socket and connections.
    ///
    /// Gives in words what cannot be done: an address in use, a secret that cannot be read. The rest is in
    /// force; the same plan can be applied again later.
    pub async fn apply(&self, plan: Arc<Plan>, secrets: Arc<BTreeMap<Arc<str>, Secret>>) -> Vec<String> {
        let mut state = self.state.lock().await;
        let (config, mut problems) = Config::build(plan, secrets, &state.config);
        let config = Arc::new(config);
        let mut sockets = Sockets::new();
        for (name, listener) in &config.listeners {
            let address = listener.listener.address;
            let kept = state.sockets.get(&address).cloned();
            match kept.map_or_else(|| bind(address).map(Arc::new), Ok) {
                Ok(socket) => drop(sockets.insert(address, socket)),
                Err(error) => problems.push(format!("listener `{name}` cannot listen on {address}: {error}")),
            }
        }
        let sockets = Arc::new(sockets);
        for worker in &self.workers {
            let (done, applied) = oneshot::channel();
            let command = Command::Apply {
                config: Arc::clone(&config),
                sockets: Arc::clone(&sockets),
                done,
            };
            if worker.send(command).await.is_err() || applied.await.is_err() {
                problems.push("a worker has ended".to_owned());
            }
        }
        state.config = config;
        state.sockets = sockets;
        problems
    }

    /// The plan in force.
    pub async fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.state.lock().await.config.plan)
    }

    /// All counters as Prometheus text.
    pub async fn metrics(&self) -> String {
        metrics::render(self.ask(Command::Scrape).await)
    }

    /// Clusters and endpoints, line by line as Envoy's `/clusters`.
    pub async fn clusters(&self) -> String {
        render_clusters(self.ask(Command::Clusters).await)
    }

    async fn ask<T>(&self, question: impl Fn(oneshot::Sender<T>) -> Command) -> Vec<T> {
        let mut answers = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            let (sender, answer) = oneshot::channel();
            if worker.send(question(sender)).await.is_ok()
                && let Ok(answer) = answer.await
            {
                answers.push(answer);
            }
        }
        answers
    }

    /// Accepts nothing more, lets requests finish within the time, writes the log out, and ends.
    pub async fn drain(&self, limit: Duration) {
        let mut ends = Vec::new();
        for worker in &self.workers {
            let (sender, end) = oneshot::channel();
            if worker.send(Command::Drain(limit, sender)).await.is_ok() {
                ends.push(end);
            }
        }
        for end in ends {
            if end.await.is_err() {
                tracing::error!("a worker has ended without having drained");
            }
        }
        if let Some(log) = &self.log {
            log.flush();
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
