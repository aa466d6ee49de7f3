//! When a change is pushed: the first after calm at once, a burst when it has ended or lasts too long.

use std::time::Duration;

/// After this time without a change, the next one goes out at once.
const CALM: Duration = Duration::from_millis(100);
/// A burst has ended after this time without a change.
const QUIET: Duration = Duration::from_millis(20);
/// A burst that does not end is pushed this often.
const LONGEST: Duration = Duration::from_millis(500);

/// Collects changes. Moments are durations since any fixed start.
#[derive(Debug, Default)]
pub(crate) struct Debounce {
    last: Option<Duration>,
    pending: Option<Pending>,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    since: Duration,
    due: Duration,
}

impl Debounce {
    /// Something changed.
    pub(crate) fn change(&mut self, now: Duration) {
        self.pending = Some(match self.pending {
            Some(pending) => Pending {
                due: (now + QUIET).min(pending.since + LONGEST),
                ..pending
            },
            None if self.last.is_none_or(|last| now >= last + CALM) => Pending { since: now, due: now },
            None => Pending {
                since: now,
                due: now + QUIET,
            },
        });
        self.last = Some(now);
    }

    /// When to push; `None` when nothing changed since the last time.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.pending.map(|pending| pending.due)
    }

    /// Everything up to now is pushed; gives the moment of the first change in it.
    pub(crate) fn take(&mut self) -> Option<Duration> {
        self.pending.take().map(|pending| pending.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_first_change_after_calm_goes_at_once() {
        let mut debounce = Debounce::default();
        assert_eq!(debounce.due(), None);
        debounce.change(ms(1000));
        assert_eq!(debounce.due(), Some(ms(1000)));
        assert_eq!(debounce.take(), Some(ms(1000)));
        debounce.change(ms(1100));
        assert_eq!(debounce.due(), Some(ms(1100)));
    }

    #[test]
    fn a_burst_is_pushed_when_it_ends_or_lasts_too_long() {
        let mut debounce = Debounce::default();
        debounce.change(ms(0));
        debounce.take();
        debounce.change(ms(10));
        assert_eq!(debounce.due(), Some(ms(30)));
        for now in (25..600).step_by(15) {
            debounce.change(ms(now));
        }
        assert_eq!(debounce.due(), Some(ms(510)));
        assert_eq!(debounce.take(), Some(ms(10)));
        assert_eq!(debounce.due(), None);
    }
}
