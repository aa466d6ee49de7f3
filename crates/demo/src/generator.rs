//! The traffic generator: asks for pages at planned moments, whether answers come or not (open loop).

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::HeaderMap;
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::{
    app::{Caller, Outcome},
    behaviour::Target,
    schedule::{Planned, Schedule},
};

/// Pages under way at once: at first, and at most. Connections are not there at the start, and each page that waits
/// asks for more of them; on a busy machine their handshakes would keep everything from ever being answered. So the
/// number grows with the answers and shrinks without them. Pages left out are counted.
const UNDER_WAY: RangeInclusive<usize> = 8..=512;

/// A page that is later than this is not made up for: a laptop that slept must not wake to a flood.
const MAX_LATE: Duration = Duration::from_secs(1);

/// A page that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// What is asked for; its host goes into the `Host` header.
    pub(crate) target: Target,
    /// Where: the addresses of the gateway's instances.
    pub(crate) entries: Vec<SocketAddr>,
}

/// What the generator is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GeneratorState {
    /// The sidecars are not ready yet, or there is no page to ask for.
    #[default]
    Waiting,
    /// It makes traffic.
    Running,
    /// It made all the traffic that was asked for, and every answer is there.
    Quiet,
}

/// What the generator did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GeneratorStatus {
    /// What it is at.
    pub state: GeneratorState,
    /// Pages asked for.
    pub sent: u64,
    /// Answers by status, or how it ended without one.
    pub outcomes: BTreeMap<String, u64>,
    /// Pages left out because too many were under way or the machine was asleep.
    pub left_out: u64,
    /// URLs that it asks for.
    pub pages: Vec<String>,
}

/// How much traffic to make, and from where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GeneratorOptions {
    pub(crate) rate: f64,
    pub(crate) requests: Option<u64>,
    pub(crate) seed: u64,
    pub(crate) source: IpAddr,
}

/// Handle on what the generator did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<GeneratorStatus>>);

impl Tally {
    pub(crate) fn read(&self) -> GeneratorStatus {
        self.0.lock().expect("nothing panics while it counts").clone()
    }

    fn update(&self, change: impl FnOnce(&mut GeneratorStatus)) {
        change(&mut self.0.lock().expect("nothing panics while it counts"));
    }
}

/// Makes traffic while `traffic` is true; turns it false when all pages that were asked for are answered, so that
/// callers of their own accord end too.
pub(crate) async fn run_generator(
    options: GeneratorOptions,
    pages: watch::Receiver<Arc<Vec<Page>>>,
    traffic: watch::Sender<bool>,
    tally: Tally,
) {
    let caller = Arc::new(Caller::new("generator", options.source));
    let mut on = traffic.subscribe();
    if on.wait_for(|on| *on).await.is_err() {
        return;
    }
    if options.rate <= 0.0 {
        return;
    }
    let mut under_way: JoinSet<Outcome> = JoinSet::new();
    let mut limit = *UNDER_WAY.start();
    let mut start = Instant::now();
    let mut left = options.requests;
    for planned in Schedule::new(options.seed, options.rate) {
        if left == Some(0) {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep_until(start + planned.at) => (),
            // The demo ends: pages would only meet sidecars that drain.
            _ = on.wait_for(|on| !*on) => break,
        }
        let late = Instant::now().duration_since(start + planned.at);
        if late > MAX_LATE {
            tally.update(|status| status.left_out += (late.as_secs_f64() * options.rate) as u64);
            start += late;
        }
        while let Some(ended) = under_way.try_join_next() {
            limit = next_limit(limit, ended.ok());
        }
        let Some((target, entry)) = choose(&pages.borrow(), planned) else {
            tally.update(|status| status.state = GeneratorState::Waiting);
            continue;
        };
        if under_way.len() >= limit {
            tally.update(|status| status.left_out += 1);
            continue;
        }
        left = left.map(|left| left - 1);
        tally.update(|status| {
            status.state = GeneratorState::Running;
            status.sent += 1;
            if !status.pages.contains(&target.url) && status.pages.len() < 100 {
                status.pages.push(target.url.clone());
            }
        });
        let (caller, tally) = (caller.clone(), tally.clone());
        under_way.spawn(async move {
            let outcome = caller.get(entry, &target, &HeaderMap::new()).await;
            tally.update(|status| *status.outcomes.entry(outcome.to_string()).or_default() += 1);
            outcome
        });
    }
    while under_way.join_next().await.is_some() {}
    traffic.send_replace(false);
    tally.update(|status| status.state = GeneratorState::Quiet);
    let status = tally.read();
    tracing::info!(
        pages = status.sent,
        "The traffic generator made all pages that were asked for; it is quiet now."
    );
}

/// One more page at once after an answer, half as many without one.
fn next_limit(limit: usize, outcome: Option<Outcome>) -> usize {
    let next = match outcome {
        Some(Outcome::Status(_)) => limit + 1,
        _ => limit / 2,
    };
    next.clamp(*UNDER_WAY.start(), *UNDER_WAY.end())
}

/// The page that the dice point at, and one of its gateway's instances; `None` when there is nothing to ask for.
fn choose(pages: &[Page], planned: Planned) -> Option<(Target, SocketAddr)> {
    let dice = planned.dice as usize;
    let page = pages.get(dice.checked_rem(pages.len())?)?;
    let turn = (dice / pages.len()).checked_rem(page.entries.len())?;
    Some((page.target.clone(), page.entries[turn]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(url: &str, entries: &[&str]) -> Page {
        Page {
            target: Target::parse(url).unwrap(),
            entries: entries.iter().map(|at| at.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn the_same_seed_asks_for_the_same_pages_in_the_same_order() {
        let pages = [
            page("http://a/", &["127.0.0.1:1", "127.0.0.1:2"]),
            page("http://b/", &["127.0.0.1:3"]),
        ];
        let urls = |seed| -> Vec<_> {
            let plan = Schedule::new(seed, 50.0).take(50);
            plan.map(|planned| choose(&pages, planned).map(|(target, at)| (target.url, at)))
                .collect()
        };
        assert_eq!(urls(3), urls(3));
        assert_ne!(urls(3), urls(4));
        let distinct: std::collections::BTreeSet<_> = urls(3).into_iter().collect();
        assert_eq!(distinct.len(), 3, "both pages and both instances get their share");
    }

    #[test]
    fn a_mesh_that_does_not_answer_is_not_flooded() {
        let mut limit = *UNDER_WAY.start();
        for _ in 0..1000 {
            limit = next_limit(limit, Some(Outcome::Status(503)));
        }
        assert_eq!(limit, 512);
        for _ in 0..10 {
            limit = next_limit(limit, Some(Outcome::Timeout));
        }
        assert_eq!(limit, 8);
    }

    #[test]
    fn without_a_page_or_an_instance_nothing_is_asked_for() {
        let planned = Planned {
            at: Duration::ZERO,
            dice: 7,
        };
        assert_eq!(choose(&[], planned), None);
        assert_eq!(choose(&[page("http://a/", &[])], planned), None);
    }
}
