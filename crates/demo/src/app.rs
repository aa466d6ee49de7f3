//! The demo's one application: answers, and calls what its [`Behaviour`] lists.
//!
//! Applications are tasks of this process; only their sidecars are processes of their own. Each binds its outgoing
//! sockets to its own address, so that sidecars see who connects.

mod call;
mod counts;
mod serve;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, RwLock},
    time::Duration,
};

use http::HeaderMap;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use vigla_model::{Namespace, WorkloadName};

use crate::{
    DemoError,
    behaviour::{Behaviour, Target},
    schedule::Schedule,
};

pub(crate) use call::{CALLER_HEADER, Caller, Outcome};
pub(crate) use counts::Counts;
pub use counts::{AppCounts, CallCounts};

/// How an application reaches others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exits {
    /// Through its sidecar: the address for each service port.
    Sidecar(BTreeMap<u16, SocketAddr>),
    /// By itself: the endpoints of each `HOST:PORT` as it can be written in the application's namespace.
    Direct(Arc<BTreeMap<String, Vec<SocketAddr>>>),
}

/// What may change while an application runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setup {
    /// What it does.
    pub(crate) behaviour: Behaviour,
    /// How it reaches others.
    pub(crate) exits: Exits,
}

/// One running application.
#[derive(Debug)]
pub(crate) struct App {
    shared: Arc<Shared>,
    listen: Vec<SocketAddr>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// What the tasks of one application share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// `NAMESPACE/WORKLOAD`, its word for itself towards those it calls.
    name: String,
    setup: RwLock<Arc<Setup>>,
    counts: Arc<Counts>,
    caller: Caller,
}

impl App {
    /// Binds the listeners and starts to serve; calls that nobody asked for begin when `traffic` turns true and
    /// end when it turns false.
    ///
    /// # Errors
    /// When an address is in use.
    pub(crate) async fn start(
        (namespace, workload): (&Namespace, &WorkloadName),
        listen: Vec<SocketAddr>,
        source: IpAddr,
        setup: Setup,
        counts: Arc<Counts>,
        traffic: watch::Receiver<bool>,
        seed: u64,
    ) -> Result<Self, DemoError> {
        let name = format!("{namespace}/{workload}");
        let shared = Arc::new(Shared {
            caller: Caller::new(&name, source),
            name,
            setup: RwLock::new(Arc::new(setup)),
            counts,
        });
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for address in &listen {
            let listener = serve::bind(*address).await?;
            tasks.spawn(serve::run_server(listener, shared.clone(), stop.clone()));
        }
        tasks.spawn(run_own_calls(shared.clone(), traffic, seed));
        Ok(Self {
            shared,
            listen,
            stop,
            tasks,
        })
    }

    /// Where it listens.
    pub(crate) fn listen(&self) -> &[SocketAddr] {
        &self.listen
    }

    /// What it saw.
    pub(crate) fn counts(&self) -> AppCounts {
        self.shared.counts.read(&self.shared.name)
    }

    /// Changes what it does from the next request on.
    pub(crate) fn set(&self, setup: Setup) {
        *self
            .shared
            .setup
            .write()
            .expect("nothing panics while it holds the setup") = Arc::new(setup);
    }

    /// Stops to listen and ends every task.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.tasks.shutdown().await;
    }
}

impl Shared {
    fn setup(&self) -> Arc<Setup> {
        self.setup
            .read()
            .expect("nothing panics while it holds the setup")
            .clone()
    }

    /// Works for a while, then calls everything that the behaviour lists, all at once.
    async fn work(self: &Arc<Self>, setup: &Setup, headers: &HeaderMap) -> Vec<(String, Outcome)> {
        let (from, to) = setup.behaviour.latency;
        if !to.is_zero() {
            let share = rand::rng().random_range(0.0..=1.0);
            tokio::time::sleep(from + (to - from).mul_f64(share)).await;
        }
        match setup.behaviour.calls.as_slice() {
            [] => Vec::new(),
            [only] => vec![(only.url.clone(), self.call(only, &setup.exits, headers).await)],
            many => {
                let mut calls = JoinSet::new();
                for (i, target) in many.iter().enumerate() {
                    let (this, target, exits, headers) =
                        (self.clone(), target.clone(), setup.exits.clone(), headers.clone());
                    calls.spawn(async move { (i, this.call(&target, &exits, &headers).await) });
                }
                let mut done: Vec<(usize, Outcome)> = calls.join_all().await;
                done.sort_by_key(|(i, _)| *i);
                done.into_iter()
                    .map(|(i, outcome)| (many[i].url.clone(), outcome))
                    .collect()
            }
        }
    }

    async fn call(&self, target: &Target, exits: &Exits, headers: &HeaderMap) -> Outcome {
        let exit = match exits {
            Exits::Sidecar(ports) => ports.get(&target.port).copied(),
            Exits::Direct(book) => book
                .get(&format!("{}:{}", target.host, target.port))
                .and_then(|endpoints| self.caller.pick(endpoints)),
        };
        let outcome = match exit {
            Some(exit) => self.caller.get(exit, target, headers).await,
            None => Outcome::NoAddress,
        };
        self.counts.called(&target.url, outcome);
        outcome
    }
}

/// Calls by itself at the rate of the behaviour, while there is to be traffic.
async fn run_own_calls(shared: Arc<Shared>, mut traffic: watch::Receiver<bool>, seed: u64) {
    /// Rounds that may be under way at once: a callee that hangs must not fill the memory.
    const MAX_ROUNDS: usize = 64;
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut rounds = JoinSet::new();
    loop {
        if traffic.wait_for(|on| *on).await.is_err() {
            return;
        }
        let rate = shared.setup().behaviour.rate;
        // Without a rate of its own an application looks again now and then: its annotation may change.
        let pause = if rate > 0.0 {
            Schedule::pause(&mut rng, rate)
        } else {
            Duration::from_secs(1)
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => (),
            _ = traffic.wait_for(|on| !*on) => continue,
        }
        while rounds.try_join_next().is_some() {}
        if rate > 0.0 && rounds.len() < MAX_ROUNDS {
            let shared = shared.clone();
            rounds.spawn(async move {
                let setup = shared.setup();
                shared.work(&setup, &HeaderMap::new()).await;
            });
        }
    }
}

#[cfg(test)]
mod tests;
