//! What an application saw: the truth that tests hold the sidecars' counters against.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use serde::{Deserialize, Serialize};

use super::Outcome;

/// Callers and URLs that are told apart; those beyond are counted as `other`. A demo has fewer than 254.
const MAX_NAMES: usize = 512;

/// Body of `GET /counts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppCounts {
    /// `NAMESPACE/WORKLOAD`.
    pub workload: String,
    /// Requests that it got, by caller as the caller calls itself (`NAMESPACE/WORKLOAD`, `generator`), or `unknown`.
    pub received: BTreeMap<String, u64>,
    /// Calls that it made, by URL.
    pub calls: BTreeMap<String, CallCounts>,
}

/// Calls of one URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCounts {
    /// All that ended.
    pub ended: u64,
    /// By outcome: the status, or `no_response`, `refused`, `timeout`, `no_address`.
    pub outcomes: BTreeMap<String, u64>,
}

/// Counters of one application. They outlive its tasks, as a restart on other addresses is no reset.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    received: BTreeMap<String, u64>,
    calls: BTreeMap<String, BTreeMap<Outcome, u64>>,
}

impl Counts {
    /// Counts a request when it has arrived.
    pub(crate) fn received(&self, caller: &str) {
        *entry(&mut self.lock().received, caller) += 1;
    }

    /// Counts a call when it has ended.
    pub(crate) fn called(&self, url: &str, outcome: Outcome) {
        *entry(&mut self.lock().calls, url).entry(outcome).or_default() += 1;
    }

    /// All counts so far.
    pub(crate) fn read(&self, workload: &str) -> AppCounts {
        let inner = self.lock();
        let calls = inner.calls.iter().map(|(url, outcomes)| {
            let counts = CallCounts {
                ended: outcomes.values().sum(),
                outcomes: outcomes
                    .iter()
                    .map(|(outcome, n)| (outcome.to_string(), *n))
                    .collect(),
            };
            (url.clone(), counts)
        });
        AppCounts {
            workload: workload.to_owned(),
            received: inner.received.clone(),
            calls: calls.collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nothing panics while it counts")
    }
}

fn entry<'a, V: Default>(map: &'a mut BTreeMap<String, V>, name: &str) -> &'a mut V {
    let name = if map.contains_key(name) || map.len() < MAX_NAMES {
        name
    } else {
        "other"
    };
    // Known names, which are nearly all, cost no allocation.
    if !map.contains_key(name) {
        map.insert(name.to_owned(), V::default());
    }
    map.get_mut(name).expect("it was put there if it was missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_bound_are_counted_together() {
        let counts = Counts::default();
        for i in 0..MAX_NAMES + 10 {
            counts.received(&format!("caller-{i}"));
        }
        let read = counts.read("a/b");
        assert_eq!(read.received["other"], 10);
        assert_eq!(read.received.values().sum::<u64>(), MAX_NAMES as u64 + 10);
    }

    #[test]
    fn calls_are_counted_by_url_and_outcome() {
        let counts = Counts::default();
        counts.called("http://a/", Outcome::Status(200));
        counts.called("http://a/", Outcome::Status(503));
        counts.called("http://a/", Outcome::Refused);
        let a = &counts.read("x/y").calls["http://a/"];
        assert_eq!(a.ended, 3);
        assert_eq!(
            a.outcomes,
            BTreeMap::from([("200".into(), 1), ("503".into(), 1), ("refused".into(), 1)])
        );
    }
}
