//! How long to wait before the next try: doubling, with a spread so that many pages do not come back at once.

const FIRST_MS: f64 = 500.0;
const LONGEST_MS: f64 = 15_000.0;

/// Counts tries in a row that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait in milliseconds. `spread` is a random number from 0.0 to 1.0; half of the wait is random.
    pub(crate) fn next_ms(&mut self, spread: f64) -> f64 {
        let full = (FIRST_MS * f64::from(2u32.saturating_pow(self.failures))).min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1).min(16);
        (full * (0.5 + spread.clamp(0.0, 1.0))).clamp(FIRST_MS, LONGEST_MS)
    }

    /// Something worked.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_bounds() {
        let mut backoff = Backoff::default();
        let waits: Vec<f64> = (0..8).map(|_| backoff.next_ms(0.5)).collect();
        assert_eq!(waits[..4], [500.0, 1000.0, 2000.0, 4000.0]);
        assert_eq!(waits[7], 15_000.0);
        for spread in [0.0, 1.0, f64::INFINITY] {
            let wait = backoff.next_ms(spread);
            assert!((500.0..=15_000.0).contains(&wait));
        }
        backoff.reset();
        assert_eq!(backoff.next_ms(0.5), 500.0);
    }
}
