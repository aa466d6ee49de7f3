//! Outlier detection: endpoints that fail several times in a row are left out for a while. Known to all workers.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use vigla_dataplane::Outlier;

/// An endpoint stays out for at most this, or the base when that is longer.
const MAX_EJECTION: Duration = Duration::from_secs(300);

/// How a try ended, as far as the health of the endpoint goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TryEnd {
    /// An answer with this status.
    Status(u16),
    /// No connection.
    NotConnected,
    /// No answer in time.
    Timeout,
    /// The connection or stream broke.
    Broken,
}

/// What is known of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Health {
    server_errors: AtomicU32,
    gateway_errors: AtomicU32,
    local_failures: AtomicU32,
    ejection: Mutex<Ejection>,
}

#[derive(Debug, Default)]
struct Ejection {
    /// Until when the endpoint is out; `None`: it is in.
    until: Option<Instant>,
    /// How often it went out in a row.
    times: u32,
}

/// What is known of a cluster's endpoints.
#[derive(Debug, Default)]
pub(crate) struct Outliers {
    endpoints: Mutex<HashMap<SocketAddr, Arc<Health>>>,
    /// Moves when an endpoint goes out or comes back.
    generation: AtomicU32,
    ejected: AtomicU32,
    ejections: AtomicU64,
    looked: Mutex<Option<Instant>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outliers {
    /// What is known of an endpoint.
    pub(crate) fn health(&self, address: SocketAddr) -> Arc<Health> {
        Arc::clone(lock(&self.endpoints).entry(address).or_default())
    }

    /// Forgets all but these.
    pub(crate) fn retain(&self, keep: impl Fn(SocketAddr) -> bool) {
        let mut ejected = 0;
        lock(&self.endpoints).retain(|address, health| {
            let stays = keep(*address);
            ejected += u32::from(stays && health.is_ejected());
            stays
        });
        self.ejected.store(ejected, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Moves when an endpoint goes out or comes back; 0 as long as that never happened.
    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Endpoints that are out.
    pub(crate) fn ejected(&self) -> u32 {
        self.ejected.load(Ordering::Relaxed)
    }

    /// Ejections so far.
    pub(crate) fn ejections(&self) -> u64 {
        self.ejections.load(Ordering::Relaxed)
    }

    /// Counts how a try ended, and ejects the endpoint when it was one failure too many. True: it went out now.
    pub(crate) fn record(
        &self,
        rules: &Outlier,
        health: &Health,
        end: TryEnd,
        endpoints: usize,
        now: Instant,
    ) -> bool {
        if !health.count(rules, end) {
            return false;
        }
        let mut ejection = lock(&health.ejection);
        // As Envoy counts: with this one.
        let share = (u64::from(self.ejected()) + 1) * 100;
        if ejection.until.is_some() || share > u64::from(rules.max_ejection_percent) * endpoints as u64 {
            return false;
        }
        health.forget();
        ejection.times += 1;
        let longest = MAX_EJECTION.max(rules.base_ejection_time);
        ejection.until = Some(now + (rules.base_ejection_time * ejection.times).min(longest));
        self.ejected.fetch_add(1, Ordering::Relaxed);
        self.ejections.fetch_add(1, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Takes back those whose time is over; without rules, all. Those that were well for an interval count as
    /// having been out once less.
    pub(crate) fn look(&self, rules: Option<&Outlier>, now: Instant) {
        if self.generation() == 0 {
            return;
        }
        let interval_passed = {
            let mut looked = lock(&self.looked);
            let interval = rules.map_or(Duration::ZERO, |rules| rules.interval);
            let passed = looked.is_none_or(|looked| now.duration_since(looked) >= interval);
            if passed {
                *looked = Some(now);
            }
            passed
        };
        for health in lock(&self.endpoints).values() {
            let mut ejection = lock(&health.ejection);
            match ejection.until {
                Some(until) if until <= now || rules.is_none() => {
                    ejection.until = None;
                    self.ejected.fetch_sub(1, Ordering::Relaxed);
                    self.generation.fetch_add(1, Ordering::Relaxed);
                }
                Some(_) => (),
                None if interval_passed => ejection.times = ejection.times.saturating_sub(1),
                None => (),
            }
        }
    }
}

impl Health {
    pub(crate) fn is_ejected(&self) -> bool {
        lock(&self.ejection).until.is_some()
    }

    /// Counts; true when a rule's number is reached.
    fn count(&self, rules: &Outlier, end: TryEnd) -> bool {
        let is_local = matches!(end, TryEnd::NotConnected | TryEnd::Timeout);
        if rules.split_external_local_origin_errors {
            if is_local {
                return one_more(&self.local_failures, rules.consecutive_local_origin_failures);
            }
            self.local_failures.store(0, Ordering::Relaxed);
        }
        let status = match end {
            TryEnd::Status(status) => status,
            TryEnd::NotConnected => 503,
            TryEnd::Timeout => 504,
            TryEnd::Broken => 500,
        };
        if status < 500 {
            self.forget();
            return false;
        }
        let gateway = if (502..=504).contains(&status) {
            one_more(&self.gateway_errors, rules.consecutive_gateway_errors)
        } else {
            self.gateway_errors.store(0, Ordering::Relaxed);
            false
        };
        one_more(&self.server_errors, rules.consecutive_5xx) || gateway
    }

    fn forget(&self) {
        for counter in [&self.server_errors, &self.gateway_errors] {
            // Nearly always zero already: reading is cheaper than writing what other threads read.
            if counter.load(Ordering::Relaxed) != 0 {
                counter.store(0, Ordering::Relaxed);
            }
        }
    }
}

fn one_more(counter: &AtomicU32, limit: Option<u32>) -> bool {
    let count = counter.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    limit.is_some_and(|limit| limit > 0 && count >= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rules() -> Outlier {
        Outlier {
            consecutive_5xx: Some(3),
            base_ejection_time: 10 * SECOND,
            interval: 5 * SECOND,
            max_ejection_percent: 50,
            ..Outlier::default()
        }
    }

    fn address(number: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], number))
    }

    #[test]
    fn failures_in_a_row_eject_and_a_success_between_them_does_not() {
        let gateway = || Outlier {
            consecutive_5xx: None,
            consecutive_gateway_errors: Some(2),
            ..rules()
        };
        let split = || Outlier {
            split_external_local_origin_errors: true,
            consecutive_local_origin_failures: Some(2),
            ..rules()
        };
        use TryEnd::{Broken, NotConnected, Status, Timeout};
        for (rules, ends, want) in [
            (rules(), vec![Status(500), Status(503), Broken], true),
            (rules(), vec![NotConnected, Timeout, Status(599)], true),
            (
                rules(),
                vec![Status(500), Status(500), Status(200), Status(500)],
                false,
            ),
            (rules(), vec![Status(404); 9], false),
            (gateway(), vec![Status(502), Status(504)], true),
            (gateway(), vec![Status(502), Status(500), Status(502)], false),
            (split(), vec![NotConnected, Timeout], true),
            (split(), vec![Status(500), NotConnected, Status(500)], false),
        ] {
            let outliers = Outliers::default();
            let health = outliers.health(address(1));
            let now = Instant::now();
            let last = ends
                .iter()
                .map(|end| outliers.record(&rules, &health, *end, 2, now))
                .last();
            assert_eq!((last, health.is_ejected()), (Some(want), want), "{ends:?}");
        }
    }

    #[test]
    fn ejections_grow_end_and_stay_below_their_share() {
        let (outliers, rules, start) = (Outliers::default(), rules(), Instant::now());
        let all = [1, 2, 3, 4].map(|number| outliers.health(address(number)));
        let fail = |health: &Health, at: Duration| {
            for _ in 0..3 {
                outliers.record(&rules, health, TryEnd::Status(500), 4, start + at);
            }
        };
        all.iter().for_each(|health| fail(health, Duration::ZERO));
        assert_eq!((outliers.ejected(), outliers.ejections()), (2, 2));
        outliers.look(Some(&rules), start + 9 * SECOND);
        assert_eq!(outliers.ejected(), 2);
        outliers.look(Some(&rules), start + 10 * SECOND);
        assert_eq!(outliers.ejected(), 0);
        // The second time it is twice as long.
        fail(&all[0], 11 * SECOND);
        outliers.look(Some(&rules), start + 30 * SECOND);
        assert!(all[0].is_ejected());
        outliers.look(Some(&rules), start + 31 * SECOND);
        assert!(!all[0].is_ejected());
        // Who was well for long starts anew.
        outliers.look(Some(&rules), start + 40 * SECOND);
        outliers.look(Some(&rules), start + 50 * SECOND);
        fail(&all[0], 51 * SECOND);
        outliers.look(Some(&rules), start + 61 * SECOND);
        assert!(!all[0].is_ejected());
        fail(&all[0], 62 * SECOND);
        outliers.look(None, start + 62 * SECOND);
        assert_eq!(outliers.ejected(), 0);
    }
}
