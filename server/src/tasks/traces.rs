//! Asks the source of traces from time to time whether it is well: pages tell before somebody searches in vain.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use vigla_model::Scope;

use crate::traces::TraceDesk;

/// A list of names costs the source nothing, and trouble is on the page within a look at it.
const PERIOD: Duration = Duration::from_secs(10);

/// Runs until `shutdown`.
pub async fn run(desk: TraceDesk, shutdown: CancellationToken) {
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => (),
        }
        // How that goes is on the board when the source has answered, or has not.
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = desk.services(&Scope::All) => (),
        }
    }
}
