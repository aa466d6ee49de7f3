//! The loop that scrapes all targets at the store's pace.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use vigla_model::Timestamp;

use crate::{MetricStore, TargetState, scrape::Connection};

/// Scrapes at the same time. Answers wait in memory, so this times their bound is what a round may take.
const AT_ONCE: usize = 8;

/// One sidecar to scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name that is told apart and shown, such as `bookinfo/reviews-v1`.
    pub name: Arc<str>,
    /// Its admin address; metrics are at `/stats/prometheus`.
    pub address: SocketAddr,
}

/// Scrapes all targets at the store's pace until `shutdown`. Targets may change at any time.
///
/// A round is through when all targets that answered the last time have answered again or failed: one that hangs
/// does not keep the others' numbers back.
pub async fn run_scraper(
    store: MetricStore,
    mut targets: watch::Receiver<Vec<Target>>,
    shutdown: CancellationToken,
) {
    let mut tick = interval(store.settings().period);
    // After a pause (a suspended laptop) one scrape is enough.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pool = Pool::default();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => (),
        }
        let wanted = targets.borrow_and_update().clone();
        store.set_targets(&wanted, now());
        let started = Instant::now();
        let waiting = pool.start(&store, wanted);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = pool.finish(waiting) => (),
        }
        store.end_round(started.elapsed());
    }
}

/// Connections: those that wait for the next round, and those that are in use.
#[derive(Default)]
struct Pool {
    idle: BTreeMap<Arc<str>, Connection>,
    running: JoinSet<(Arc<str>, Connection)>,
    /// Targets that are being scraped. One that hangs longer than the period is left alone.
    busy: BTreeSet<Arc<str>>,
    at_once: Option<Arc<Semaphore>>,
}

impl Pool {
    /// Starts a scrape of every target. Names those that are worth waiting for: all but those that failed last time.
    fn start(&mut self, store: &MetricStore, mut wanted: Vec<Target>) -> BTreeSet<Arc<str>> {
        while let Some(done) = self.running.try_join_next() {
            self.done(done.ok());
        }
        let down: BTreeSet<Arc<str>> = store
            .status()
            .targets
            .into_iter()
            .filter(|target| matches!(target.state, TargetState::Down { .. }))
            .map(|target| target.name)
            .collect();
        // Whoever hangs comes last, so that nobody queues behind it.
        wanted.sort_by_key(|target| down.contains(&target.name));
        let mut waiting = BTreeSet::new();
        let mut kept = std::mem::take(&mut self.idle);
        let at_once = self
            .at_once
            .get_or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE)));
        for target in wanted {
            if !self.busy.insert(Arc::clone(&target.name)) {
                continue;
            }
            let known = kept
                .remove(&target.name)
                .filter(|connection| connection.address() == target.address);
            let connection = known.unwrap_or_else(|| Connection::new(target.address));
            if !down.contains(&target.name) {
                waiting.insert(Arc::clone(&target.name));
            }
            self.running.spawn(scrape(
                store.clone(),
                target.name,
                connection,
                Arc::clone(at_once),
            ));
        }
        waiting
    }

    /// Waits until these are through.
    async fn finish(&mut self, mut waiting: BTreeSet<Arc<str>>) {
        while !waiting.is_empty() {
            match self.running.join_next().await {
                Some(Ok((name, connection))) => {
                    waiting.remove(&name);
                    self.done(Some((name, connection)));
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "a scrape broke off");
                    self.done(None);
                }
                None => return,
            }
        }
    }

    fn done(&mut self, done: Option<(Arc<str>, Connection)>) {
        match done {
            Some((name, connection)) => {
                self.busy.remove(&name);
                self.idle.insert(name, connection);
            }
            // Whose scrape broke off is not told; what runs is busy, the rest is asked again.
            None => self.busy.clear(),
        }
    }
}

async fn scrape(
    store: MetricStore,
    name: Arc<str>,
    mut connection: Connection,
    at_once: Arc<Semaphore>,
) -> (Arc<str>, Connection) {
    let _permit = at_once.acquire().await;
    let settings = store.settings();
    let (at, started) = (now(), Instant::now());
    match connection.fetch(settings.deadline, settings.body).await {
        Ok(text) => store.take(&name, at, started.elapsed(), &text),
        Err(reason) => store.fail(&name, at, started.elapsed(), reason),
    }
    (name, connection)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
