//! The proxy as a value: several can live in one process.

use std::{
    collections::BTreeMap,
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::sync::{Mutex, mpsc, oneshot};
use vigla_dataplane::Plan;
use vigla_xds::Secret;

use crate::{
    access_log::LogFile,
    config::Config,
    metrics,
    resolve::{self, Resolved},
    status::{render_breakers, render_clusters},
    trace::{self, SpanQueue},
    worker::{self, Command, Sockets},
};

/// How long a new plan waits for the names in it.
const FIRST_ANSWER: Duration = Duration::from_millis(500);

/// How long the end waits for the last spans to be sent.
const LAST_SPANS: Duration = Duration::from_millis(500);

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
    spans: SpanQueue,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    config: Arc<Config>,
    sockets: Arc<Sockets>,
    resolved: Resolved,
    /// Asks again for the names of the plan; only where it has some.
    resolver: Option<AbortOnDrop>,
    /// Spans that nobody sends yet: the exporter starts with the first plan that wants them.
    span_queue: Option<mpsc::Receiver<trace::Message>>,
}

/// A task that ends with its owner.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
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
        let (spans, span_queue) = SpanQueue::new();
        let workers = (0..options.concurrency.max(1))
            .map(|number| worker::start(number, log.clone(), spans.clone(), options.head_timeout))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            workers,
            log,
            spans,
            state: Arc::new(Mutex::new(State {
                span_queue: Some(span_queue),
                ..State::default()
            })),
        })
    }

    /// Does from now on what the plan says. Listeners whose address stays keep their socket and connections.
    ///
    /// Gives in words what cannot be done: an address in use, a secret that cannot be read. The rest is in
    /// force; the same plan can be applied again later.
    pub async fn apply(&self, plan: Arc<Plan>, secrets: Arc<BTreeMap<Arc<str>, Secret>>) -> Vec<String> {
        let mut state = self.state.lock().await;
        state.resolve_new_names(&plan).await;
        let problems = state.apply(&self.workers, plan, secrets).await;
        let has_spans = |plan: &Plan| plan.listeners.values().any(|listener| listener.tracing.is_some());
        if has_spans(&state.config.plan)
            && let Some(queue) = state.span_queue.take()
        {
            tokio::spawn(trace::run_exporter(queue, Arc::clone(&self.spans.counts)));
        }
        let has_names = !resolve::names(&state.config.plan).is_empty();
        if !has_names {
            state.resolver = None;
        } else if state.resolver.is_none() {
            let task = keep_resolved(Arc::downgrade(&self.state), self.workers.clone());
            state.resolver = Some(AbortOnDrop(tokio::spawn(task).abort_handle()));
        }
        problems
    }

    /// The plan in force.
    pub async fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.state.lock().await.config.plan)
    }

    /// All counters as Prometheus text.
    pub async fn metrics(&self) -> String {
        let mut text = metrics::render(self.ask(Command::Scrape).await);
        text.push_str(&render_breakers(&self.state.lock().await.config.clusters));
        text.push_str(&self.spans.counts.render());
        text
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
        let (sender, flushed) = oneshot::channel();
        if self.state.lock().await.span_queue.is_none()
            && self.spans.sender.try_send(trace::Message::Flush(sender)).is_ok()
        {
            // A collector that does not answer must not hold up the end.
            let _ = tokio::time::timeout(LAST_SPANS, flushed).await;
        }
        if let Some(log) = &self.log {
            log.flush();
        }
    }
}

impl State {
    /// Waits a little for names that were never asked for, so that the first requests find endpoints.
    async fn resolve_new_names(&mut self, plan: &Plan) {
        let names = resolve::names(plan);
        if names.iter().any(|name| !self.resolved.knows(name))
            && let Ok(resolved) = tokio::time::timeout(FIRST_ANSWER, self.resolved.refresh(names)).await
        {
            self.resolved = resolved;
        }
    }

    async fn apply(
        &mut self,
        workers: &[mpsc::Sender<Command>],
        plan: Arc<Plan>,
        secrets: Arc<BTreeMap<Arc<str>, Secret>>,
    ) -> Vec<String> {
        let (config, mut problems) = Config::build(plan, secrets, &self.resolved, &self.config);
        let config = Arc::new(config);
        let mut sockets = Sockets::new();
        for (name, listener) in &config.listeners {
            let address = listener.listener.address;
            let kept = self.sockets.get(&address).cloned();
            match kept.map_or_else(|| bind(address).map(Arc::new), Ok) {
                Ok(socket) => drop(sockets.insert(address, socket)),
                Err(error) => problems.push(format!("listener `{name}` cannot listen on {address}: {error}")),
            }
        }
        let sockets = Arc::new(sockets);
        for worker in workers {
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
        self.config = config;
        self.sockets = sockets;
        problems
    }
}

/// Asks for the plan's names again and again, and applies what is new.
async fn keep_resolved(state: Weak<Mutex<State>>, workers: Vec<mpsc::Sender<Command>>) {
    loop {
        tokio::time::sleep(resolve::REFRESH).await;
        let Some(state) = state.upgrade() else { return };
        let (before, names) = {
            let state = state.lock().await;
            (state.resolved.clone(), resolve::names(&state.config.plan))
        };
        let after = before.refresh(names).await;
        let mut state = state.lock().await;
        if after != state.resolved {
            state.resolved = after;
            let (plan, secrets) = (Arc::clone(&state.config.plan), Arc::clone(&state.config.secrets));
            for problem in state.apply(&workers, plan, secrets).await {
                tracing::warn!("{problem}");
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
