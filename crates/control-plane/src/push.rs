//! The push loop: from a new snapshot, or a certificate that gets old, to new targets of the connected proxies.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use vigla_model::Timestamp;

use crate::{
    debounce::Debounce,
    proxies::Proxies,
    server::Published,
    workshop::{Workshop, tell},
};

/// Renewals are looked for at least this often: the system's clock may jump.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// A change of the mesh's config that every connected proxy has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushEvent {
    /// Revision of the mesh's config.
    pub revision: u64,
    /// Proxies that were connected when the last one acknowledged.
    pub proxies: usize,
    /// When the control plane saw the change.
    pub seen_at: Timestamp,
    /// From then until the targets of all proxies were made: debounce, compilation, encoding.
    pub built: Duration,
    /// From then until the last proxy acknowledged.
    pub acknowledged: Duration,
}

/// What push loop and streams share.
pub(crate) struct Hub {
    pub(crate) proxies: Proxies,
    pub(crate) workshop: Mutex<Workshop>,
    /// The snapshot that was pushed last, and when it was first seen.
    pub(crate) current: watch::Sender<Option<Current>>,
    pub(crate) events: broadcast::Sender<PushEvent>,
}

/// A snapshot that is pushed.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) published: Published,
    pub(crate) seen: Instant,
    pub(crate) seen_at: Timestamp,
}

impl Hub {
    pub(crate) fn new(workshop: Workshop) -> Self {
        Self {
            proxies: Proxies::default(),
            workshop: Mutex::new(workshop),
            current: watch::Sender::new(None),
            events: broadcast::Sender::new(64),
        }
    }

    /// The revision that was pushed last.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.current
            .borrow()
            .as_ref()
            .map(|current| current.published.revision)
    }

    /// New targets for all connected proxies. Blocks; runs beside the streams.
    fn retarget(&self, current: &Current) {
        let mesh = &current.published.snapshot;
        for (proxy, program) in self.proxies.connected() {
            let mut workshop = self.workshop.lock().unwrap_or_else(PoisonError::into_inner);
            let built = workshop.build(current.published.revision, mesh, &proxy, program, now());
            drop(workshop);
            match built {
                Ok(target) => self.proxies.retarget(&proxy, target),
                Err(error) => tell(&error, &proxy),
            }
        }
        self.proxies
            .retain(|proxy| mesh.instance(proxy.namespace.as_str(), &proxy.instance).is_some());
        self.workshop
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tidy(mesh);
    }

    fn next_renewal(&self) -> Option<Timestamp> {
        self.workshop
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next_renewal()
    }
}

/// Pushes until shutdown, or until nobody publishes snapshots any more.
pub(crate) async fn run_push_loop(
    hub: Arc<Hub>,
    mut snapshots: watch::Receiver<Published>,
    shutdown: CancellationToken,
) {
    let start = Instant::now();
    let mut debounce = Debounce::default();
    snapshots.mark_changed();
    loop {
        let renewal = hub
            .next_renewal()
            .map_or(LONGEST_WAIT, |at| at.since(now()).min(LONGEST_WAIT));
        let due = debounce.due().map(|due| due.saturating_sub(start.elapsed()));
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = snapshots.changed() => {
                if changed.is_err() {
                    return;
                }
                snapshots.mark_unchanged();
                debounce.change(start.elapsed());
                continue;
            }
            () = tokio::time::sleep(due.unwrap_or(renewal)) => (),
        }
        let current = match debounce.take() {
            Some(since) => Current {
                published: snapshots.borrow_and_update().clone(),
                seen: start + since,
                seen_at: now().minus(start.elapsed().saturating_sub(since)),
            },
            // A certificate is due: the same snapshot again.
            None => match &*hub.current.borrow() {
                Some(current) => current.clone(),
                None => continue,
            },
        };
        hub.current.send_replace(Some(current.clone()));
        let worker = Arc::clone(&hub);
        let job = current.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || worker.retarget(&job)).await {
            tracing::error!(%error, "a push failed");
        }
        tokio::spawn(report(Arc::clone(&hub), current.clone(), current.seen.elapsed()));
    }
}

/// Waits until all have taken a revision, and tells. Ends without a word when the next revision comes first.
async fn report(hub: Arc<Hub>, current: Current, built: Duration) {
    let revision = current.published.revision;
    let mut changes = hub.proxies.watch();
    let mut newest = hub.current.subscribe();
    loop {
        let (taken, proxies) = hub.proxies.taken(revision);
        if taken == proxies {
            let event = PushEvent {
                revision,
                proxies,
                seen_at: current.seen_at,
                built,
                acknowledged: current.seen.elapsed(),
            };
            // Nobody may be listening.
            let _ = hub.events.send(event);
            return;
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            changed = newest.changed() => {
                let is_newer = |newer: &Current| newer.published.revision > revision;
                if changed.is_err() || newest.borrow().as_ref().is_some_and(is_newer) {
                    return;
                }
            }
        }
    }
}

/// The system's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
