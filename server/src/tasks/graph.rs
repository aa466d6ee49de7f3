//! Keeps the live graph fresh: after every scrape, at once after a change of config, and by period all the same.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vigla_config::Snapshot;
use vigla_sources::SourceError;

use crate::{cut::now, live::Live, sources::SourceBoard};

/// The metric source's name on the status page.
pub const METRICS: &str = "metrics";
/// The task's name on the status page.
pub const NAME: &str = "service graph";
/// Without a new scrape the embedded store's graph is built anew after this long, so that silence shows.
pub const PERIOD: Duration = Duration::from_secs(5);

/// Runs until shutdown. `scrapes` changes when a scrape is complete; without that the graph is built each `period`.
pub async fn run<T: Send + Sync + 'static>(
    live: Live,
    period: Duration,
    mut scrapes: watch::Receiver<T>,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    board: SourceBoard,
    shutdown: CancellationToken,
) {
    loop {
        let started = Instant::now();
        let result = live.refresh().await;
        // A start is no trouble, nor is a window that holds one scrape of a Prometheus which has just begun.
        let early = matches!(
            result,
            Err(SourceError::Window { .. } | SourceError::Starting { .. })
        );
        let starting = live.newest().is_none() && early;
        if !starting {
            board.note(METRICS, now(), started.elapsed(), &result);
            board.note(NAME, now(), started.elapsed(), &result);
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(period) => (),
            Ok(()) = scrapes.changed() => (),
            Ok(()) = snapshots.changed() => (),
        }
    }
}
