//! Asks the source of traces from time to time whether it is well: pages tell before somebody searches in vain.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use vigla_model::Scope;
use vigla_sources::traces::TraceSource;

use crate::{cut::now, handlers::traces::NAME, sources::SourceBoard};

/// A list of names costs the source nothing, and trouble is on the page within a look at it.
const PERIOD: Duration = Duration::from_secs(10);

/// Runs until `shutdown`.
pub async fn run(source: Arc<dyn TraceSource>, board: SourceBoard, shutdown: CancellationToken) {
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => (),
        }
        let started = Instant::now();
        let answer = tokio::select! {
            () = shutdown.cancelled() => return,
            answer = source.services(&Scope::All) => answer,
        };
        board.note(NAME, now(), started.elapsed(), &answer.map(|_| ()));
    }
}
