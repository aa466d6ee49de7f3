//! When traffic is to be made: independent moments at a mean rate, the same for the same seed.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::SmallRng};

/// The moments of an open loop: they do not wait for answers.
#[derive(Debug)]
pub(crate) struct Schedule {
    rng: SmallRng,
    rate: f64,
    at: Duration,
}

/// One page to ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Planned {
    /// Since the start.
    pub(crate) at: Duration,
    /// Decides which page, whatever their number.
    pub(crate) dice: u32,
}

impl Schedule {
    /// Moments from zero on, `rate` a second on average.
    pub(crate) fn new(seed: u64, rate: f64) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(seed),
            rate,
            at: Duration::ZERO,
        }
    }

    /// A pause between two independent moments (exponential), at most ten times the mean.
    pub(crate) fn pause(rng: &mut SmallRng, rate: f64) -> Duration {
        let uniform: f64 = rng.random_range(f64::EPSILON..1.0);
        Duration::from_secs_f64((-uniform.ln()).min(10.0) / rate)
    }
}

impl Iterator for Schedule {
    type Item = Planned;
    fn next(&mut self) -> Option<Planned> {
        self.at += Self::pause(&mut self.rng, self.rate);
        Some(Planned {
            at: self.at,
            dice: self.rng.random(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_traffic() {
        let moments = |seed| Schedule::new(seed, 50.0).take(100).collect::<Vec<_>>();
        assert_eq!(moments(7), moments(7));
        assert_ne!(moments(7), moments(8));
    }

    #[test]
    fn the_mean_rate_is_what_was_asked_for() {
        let end = Schedule::new(1, 50.0).nth(9_999).unwrap().at.as_secs_f64();
        assert!((195.0..205.0).contains(&end), "{end}");
    }
}
