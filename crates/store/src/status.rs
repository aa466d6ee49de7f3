//! What the store says of itself.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use vigla_model::Timestamp;

/// State of the store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreStatus {
    /// Targets, by name.
    pub targets: Vec<TargetStatus>,
    /// Time of the newest sample.
    pub newest: Option<Timestamp>,
    /// Time of the oldest sample that is kept.
    pub oldest: Option<Timestamp>,
    /// Series.
    pub series: usize,
    /// New series that found no room, since the start.
    pub refused_series: u64,
    /// Bytes that samples, heads and keys take.
    pub bytes: usize,
    /// Duration of the last round over all targets that answered.
    pub last_round: Option<Duration>,
    /// What is over a bound, and what that means.
    pub warnings: Vec<String>,
}

/// One target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetStatus {
    /// Name: `NAMESPACE/WORKLOAD` or what else whoever lists the targets calls it.
    pub name: Arc<str>,
    /// Where it is scraped.
    pub address: SocketAddr,
    /// Whether it answers.
    pub state: TargetState,
    /// Time of its newest samples.
    pub newest: Option<Timestamp>,
    /// Duration of the last try.
    pub last_duration: Option<Duration>,
    /// Series.
    pub series: usize,
}

/// Whether a target answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetState {
    /// It has not answered yet; its process may be starting.
    Starting {
        /// First try.
        since: Timestamp,
        /// What was wrong with the last one; `None` before the first.
        reason: Option<String>,
    },
    /// The last scrape succeeded.
    Up,
    /// It does not answer, though it once did or should by now: its numbers end there.
    Down {
        /// First try that failed.
        since: Timestamp,
        /// What was wrong with the last one.
        reason: String,
    },
}

impl StoreStatus {
    /// Targets that answered and do not now, with a sentence for each: parts of the graph that nobody counts.
    pub fn degraded(&self) -> impl Iterator<Item = (Timestamp, String)> {
        self.targets.iter().filter_map(|target| match &target.state {
            TargetState::Down { since, reason } => {
                let name = &target.name;
                Some((
                    *since,
                    format!("the sidecar of {name} cannot be read ({reason}): its numbers end there"),
                ))
            }
            TargetState::Starting { .. } | TargetState::Up => None,
        })
    }

    /// Targets whose last scrape succeeded.
    pub fn up(&self) -> usize {
        self.targets
            .iter()
            .filter(|target| target.state == TargetState::Up)
            .count()
    }
}
