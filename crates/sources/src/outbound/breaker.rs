//! Leaves a source alone that keeps failing. A state machine; time comes as an argument.

use std::time::{Duration, Instant};

/// Failures in a row after which the source is left alone: one may be chance, three are not.
const FAILURES: u32 = 3;
/// The first pause, doubled with each failed probe.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause: shorter than any refresh, so that a source that is back is asked by the next one.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Why no call may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Until this much time has passed.
    For(Duration),
    /// Until the call that probes has ended.
    Probe,
}

/// Closed while the source answers, open while it is left alone, half open while one call probes it.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    pause: Option<Pause>,
}

#[derive(Debug)]
struct Pause {
    until: Instant,
    length: Duration,
    /// Whether a call is on its way to see how things are.
    probing: bool,
}

impl Breaker {
    /// Asks to make a call at `now`; each call that may be made ends with [`Breaker::leave`].
    ///
    /// # Errors
    /// When to ask again.
    pub(super) fn enter(&mut self, now: Instant) -> Result<(), Rest> {
        let Some(pause) = &mut self.pause else {
            return Ok(());
        };
        if now < pause.until {
            return Err(Rest::For(pause.until - now));
        }
        if pause.probing {
            return Err(Rest::Probe);
        }
        pause.probing = true;
        Ok(())
    }

    /// A call has ended: well, badly, or (`None`) given up by its caller.
    pub(super) fn leave(&mut self, now: Instant, well: Option<bool>) {
        match (well, &mut self.pause) {
            (Some(true), _) => *self = Self::default(),
            (Some(false), Some(pause)) if pause.probing => {
                let length = (pause.length * 2).min(LONGEST_PAUSE);
                *pause = Pause {
                    until: now + length,
                    length,
                    probing: false,
                };
            }
            (Some(false), None) => {
                self.failures += 1;
                if self.failures >= FAILURES {
                    self.pause = Some(Pause {
                        until: now + FIRST_PAUSE,
                        length: FIRST_PAUSE,
                        probing: false,
                    });
                }
            }
            (None, Some(pause)) => pause.probing = false,
            // Calls that were on their way when the pause began change nothing.
            (Some(false), Some(_)) | (None, None) => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_open_it_and_one_good_probe_closes_it() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.enter(start), Ok(()));
            breaker.leave(start, Some(false));
        }
        assert_eq!(breaker.enter(at(100)), Err(Rest::For(Duration::from_millis(400))));
        assert_eq!(breaker.enter(at(500)), Ok(()), "the probe");
        assert_eq!(breaker.enter(at(500)), Err(Rest::Probe), "one at a time");
        breaker.leave(at(600), Some(false));
        assert_eq!(
            breaker.enter(at(600)),
            Err(Rest::For(Duration::from_secs(1))),
            "twice as long"
        );
        assert_eq!(breaker.enter(at(1600)), Ok(()));
        breaker.leave(at(1600), None);
        assert_eq!(
            breaker.enter(at(1600)),
            Ok(()),
            "a probe that was dropped leaves its place"
        );
        breaker.leave(at(1700), Some(true));
        assert_eq!(
            (breaker.enter(at(1700)), breaker.enter(at(1700))),
            (Ok(()), Ok(()))
        );
    }

    #[test]
    fn pauses_stay_shorter_than_a_refresh() {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..30 {
            match breaker.enter(now) {
                Ok(()) => breaker.leave(now, Some(false)),
                Err(Rest::For(wait)) => {
                    assert!(wait <= LONGEST_PAUSE);
                    now += wait;
                }
                Err(Rest::Probe) => unreachable!("each call ends before the next"),
            }
        }
        assert_eq!(breaker.enter(now + LONGEST_PAUSE), Ok(()));
    }

    #[test]
    fn success_between_failures_keeps_it_closed() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for well in [false, false, true, false, false] {
            breaker.leave(now, Some(well));
        }
        assert_eq!(breaker.enter(now), Ok(()));
    }
}
