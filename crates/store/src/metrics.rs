//! The store itself: targets, bounds, and the answer to "what was the traffic".

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;
use vigla_graph::TrafficWindow;
use vigla_model::{Timestamp, Window};
use vigla_sources::{MetricSource, SourceError};

use crate::{
    StoreStatus, Target, TargetState, TargetStatus,
    target::{Rows, Scrapes},
    window,
};

/// Name of the source for people.
const NAME: &str = "embedded metrics";
/// However full the store is, this much stays: the windows that people look at.
const ALWAYS_KEPT: Duration = Duration::from_secs(5 * 60);
/// A sidecar is up within a few seconds; one that has not answered after this long is down.
const STARTING: Duration = Duration::from_secs(10);
/// Old samples are looked for this often.
const TIDY_EVERY: Duration = Duration::from_secs(30);

/// Bounds and pace of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreSettings {
    /// Time from scrape to scrape.
    pub period: Duration,
    /// Time within which a target must have answered.
    pub deadline: Duration,
    /// Samples older than this go.
    pub retention: Duration,
    /// Bytes for samples, heads and keys; the oldest samples go first.
    pub bytes: usize,
    /// Series of all targets; new ones beyond are refused and counted.
    pub series: usize,
    /// Bytes of one answer: about 60 000 series.
    pub body: usize,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            period: Duration::from_secs(2),
            deadline: Duration::from_secs(1),
            retention: Duration::from_secs(2 * 3600),
            bytes: 48 << 20,
            series: 100_000,
            body: 32 << 20,
        }
    }
}

/// A round of scrapes that is through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Counts rounds, from 1; 0 before the first.
    pub number: u64,
    /// How long the targets that answered took.
    pub duration: Duration,
}

/// The embedded metric store. A handle: clones share it.
#[derive(Debug, Clone)]
pub struct MetricStore {
    settings: StoreSettings,
    inner: Arc<Mutex<Inner>>,
    rounds: Arc<watch::Sender<Round>>,
}

#[derive(Debug, Default)]
struct Inner {
    targets: BTreeMap<Arc<str>, Entry>,
    rows: Rows,
    refused_series: u64,
    tidied: Option<Timestamp>,
    /// Whether samples went before their time, or would have to.
    full: bool,
}

#[derive(Debug)]
struct Entry {
    address: SocketAddr,
    scrapes: Scrapes,
    state: TargetState,
    last_duration: Option<Duration>,
    /// No longer among the targets: what was scraped stays for looks back.
    gone: bool,
}

impl MetricStore {
    /// An empty store.
    pub fn new(settings: StoreSettings) -> Self {
        Self {
            settings,
            inner: Arc::default(),
            rounds: Arc::new(watch::Sender::new(Round::default())),
        }
    }

    /// Bounds and pace.
    pub fn settings(&self) -> StoreSettings {
        self.settings
    }

    /// Tells of every round that is through: the moment to build a new graph.
    pub fn rounds(&self) -> watch::Receiver<Round> {
        self.rounds.subscribe()
    }

    pub(crate) fn end_round(&self, duration: Duration) {
        self.rounds.send_modify(|round| {
            *round = Round {
                number: round.number + 1,
                duration,
            };
        });
    }

    /// Takes note of what is to be scraped from now on.
    pub fn set_targets(&self, targets: &[Target], now: Timestamp) {
        let mut inner = self.lock();
        for entry in inner.targets.values_mut() {
            entry.gone = true;
        }
        for target in targets {
            let starting = TargetState::Starting {
                since: now,
                reason: None,
            };
            let entry = inner
                .targets
                .entry(Arc::clone(&target.name))
                .or_insert_with(|| Entry {
                    address: target.address,
                    scrapes: Scrapes::default(),
                    state: starting.clone(),
                    last_duration: None,
                    gone: false,
                });
            if entry.gone && entry.address != target.address {
                entry.state = starting;
            }
            (entry.address, entry.gone) = (target.address, false);
        }
        inner
            .targets
            .retain(|_, entry| !entry.gone || entry.scrapes.newest().is_some());
    }

    /// Takes the answer of a target that was asked at `at`.
    pub fn take(&self, target: &str, at: Timestamp, took: Duration, text: &[u8]) {
        let mut inner = self.lock();
        let series: usize = inner.targets.values().map(|entry| entry.scrapes.len()).sum();
        let inner = &mut *inner;
        let Some(entry) = inner.targets.get_mut(target) else {
            return;
        };
        let mut room = if inner.full {
            0
        } else {
            self.settings.series.saturating_sub(series)
        };
        let taken = entry.scrapes.take(at.millis(), text, &mut inner.rows, &mut room);
        inner.refused_series += taken.refused as u64;
        entry.state = TargetState::Up;
        entry.last_duration = Some(took);
        inner.tidy(at, &self.settings);
    }

    /// Takes note that a target that was asked at `at` gave no answer, and why.
    pub fn fail(&self, target: &str, at: Timestamp, took: Duration, reason: String) {
        let mut inner = self.lock();
        let Some(entry) = inner.targets.get_mut(target) else {
            return;
        };
        entry.last_duration = Some(took);
        entry.state = match &entry.state {
            TargetState::Starting { since, .. } if at.since(*since) < STARTING => TargetState::Starting {
                since: *since,
                reason: Some(reason),
            },
            TargetState::Up => TargetState::Down { since: at, reason },
            TargetState::Starting { since, .. } | TargetState::Down { since, .. } => TargetState::Down {
                since: *since,
                reason,
            },
        };
    }

    /// All traffic in the window that ends at `at`; `None`: with the newest scrape.
    ///
    /// # Errors
    /// When the window is shorter than two scrapes, lies before what is kept, or holds fewer than two scrapes.
    pub fn traffic_in(&self, window: Window, at: Option<Timestamp>) -> Result<TrafficWindow, SourceError> {
        let wrong = |reason| SourceError::Window {
            source_name: NAME.to_owned(),
            reason,
        };
        let (length, period) = (window.duration(), self.settings.period);
        if length < 2 * period {
            let least = (2 * period).as_secs_f64();
            return Err(wrong(format!(
                "{window} is shorter than two scrapes, which are {} s apart: take {least} s or more",
                period.as_secs_f64()
            )));
        }
        let inner = self.lock();
        let scrapes = || inner.targets.values().map(|entry| &entry.scrapes);
        let newest = scrapes().filter_map(Scrapes::newest).max();
        let (Some(newest), Some(oldest)) = (newest, scrapes().filter_map(Scrapes::oldest).min()) else {
            return Err(inner.silence());
        };
        let end = at.map_or(newest, Timestamp::millis);
        if end < oldest {
            return Err(wrong("it ends before the first sample that is kept".to_owned()));
        }
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        let most = scrapes()
            .map(|scrapes| {
                let (from, to) = scrapes.between(end - millis, end);
                to - from
            })
            .max();
        match most {
            Some(2..) => (),
            Some(1) if newest == oldest => {
                return Err(starting("there was one scrape yet; a rate needs two"));
            }
            Some(1) => return Err(wrong("it holds one scrape only; a rate needs two".to_owned())),
            _ => return Err(inner.silence()),
        }
        let rows = window::rows(scrapes(), &inner.rows, end, millis);
        Ok(TrafficWindow {
            at: Timestamp(end),
            window: length,
            rows,
        })
    }

    /// What the store says of itself.
    pub fn status(&self) -> StoreStatus {
        let inner = self.lock();
        let all = || inner.targets.values().map(|entry| &entry.scrapes);
        let mut warnings = Vec::new();
        if inner.full {
            warnings.push(format!(
                "samples take more than {} MB; the oldest go early and new series are refused",
                self.settings.bytes >> 20
            ));
        }
        if inner.refused_series > 0 {
            warnings.push(format!(
                "new series were refused {} times (bound: {}); their traffic is missing",
                inner.refused_series, self.settings.series
            ));
        }
        let round = *self.rounds.borrow();
        StoreStatus {
            targets: inner
                .targets
                .iter()
                .filter(|(_, entry)| !entry.gone)
                .map(target_status)
                .collect(),
            newest: all().filter_map(Scrapes::newest).max().map(Timestamp),
            oldest: all().filter_map(Scrapes::oldest).min().map(Timestamp),
            series: all().map(Scrapes::len).sum(),
            refused_series: inner.refused_series,
            bytes: inner.bytes(),
            last_round: (round.number > 0).then_some(round.duration),
            warnings,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in between leaves samples that are there or not, nothing half done that another could trip over.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn target_status((name, entry): (&Arc<str>, &Entry)) -> TargetStatus {
    TargetStatus {
        name: Arc::clone(name),
        address: entry.address,
        state: entry.state.clone(),
        newest: entry.scrapes.newest().map(Timestamp),
        last_duration: entry.last_duration,
        series: entry.scrapes.len(),
    }
}

fn starting(reason: &str) -> SourceError {
    SourceError::Starting {
        source_name: NAME.to_owned(),
        reason: reason.to_owned(),
    }
}

impl Inner {
    /// Why there is no number at all.
    fn silence(&self) -> SourceError {
        let present = self.targets.iter().filter(|(_, entry)| !entry.gone);
        let wrong = present.clone().find_map(|(name, entry)| match &entry.state {
            TargetState::Down { reason, .. } => Some(format!("{name}: {reason}")),
            TargetState::Starting { .. } | TargetState::Up => None,
        });
        match (present.count(), wrong) {
            (0, _) => starting("there is no sidecar to scrape"),
            (_, None) => starting("no sidecar was scraped yet"),
            (_, Some(wrong)) => SourceError::Unavailable {
                source_name: NAME.to_owned(),
                reason: format!("no sidecar answered ({wrong})"),
            },
        }
    }

    fn bytes(&self) -> usize {
        self.rows.bytes()
            + self
                .targets
                .values()
                .map(|entry| entry.scrapes.bytes())
                .sum::<usize>()
    }

    /// Lets go what is too old, and of the rest the oldest while there is too much.
    fn tidy(&mut self, now: Timestamp, settings: &StoreSettings) {
        if self
            .tidied
            .is_some_and(|last| now.since(last) < TIDY_EVERY && last <= now)
        {
            return;
        }
        self.tidied = Some(now);
        let mut kept = settings.retention;
        self.forget_before(now.minus(kept));
        self.full = false;
        while self.bytes() > settings.bytes {
            self.full = kept <= ALWAYS_KEPT;
            if self.full {
                break;
            }
            kept = (kept * 3 / 4).max(ALWAYS_KEPT);
            self.forget_before(now.minus(kept));
        }
    }

    fn forget_before(&mut self, at: Timestamp) {
        for entry in self.targets.values_mut() {
            entry.scrapes.forget_before(at.millis(), &mut self.rows);
        }
        self.targets
            .retain(|_, entry| !entry.gone || entry.scrapes.newest().is_some());
    }
}

#[async_trait]
impl MetricSource for MetricStore {
    fn name(&self) -> &str {
        NAME
    }

    async fn traffic(&self, window: Window, at: Option<Timestamp>) -> Result<TrafficWindow, SourceError> {
        self.traffic_in(window, at)
    }
}

#[cfg(test)]
mod tests;
