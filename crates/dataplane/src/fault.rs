//! Injected faults.

use std::time::Duration;

use crate::{Dice, Fault};

/// What the dice said for one request. The delay comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultRoll {
    /// How long the request waits (flag `DI`).
    pub delay: Option<Duration>,
    /// The status that it gets instead of being sent on (flag `FI`).
    pub abort: Option<u16>,
}

/// Rolls for one request; delay and abort are independent of each other.
pub fn roll_fault(fault: &Fault, dice: &mut (impl Dice + ?Sized)) -> FaultRoll {
    let mut hits = |millionths: u32| dice.roll(1_000_000) < millionths;
    FaultRoll {
        delay: fault
            .delay
            .and_then(|(share, delay)| hits(share).then_some(delay)),
        abort: fault
            .abort
            .and_then(|(share, status)| hits(share).then_some(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_30_percent_hits_below_300_000() {
        let fault = Fault {
            delay: Some((1_000_000, Duration::from_secs(1))),
            abort: Some((300_000, 555)),
            origin: None,
        };
        for (rolled, abort) in [(0, Some(555)), (299_999, Some(555)), (300_000, None)] {
            let roll = roll_fault(&fault, &mut |_: u32| rolled);
            assert_eq!(
                (roll.delay, roll.abort),
                (Some(Duration::from_secs(1)), abort),
                "{rolled}"
            );
        }
        assert_eq!(
            roll_fault(&Fault::default(), &mut |_: u32| 0),
            FaultRoll::default()
        );
    }
}
