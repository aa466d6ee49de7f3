//! The tokens of a rate limit.

use std::time::Duration;

use crate::RateLimit;

/// Tokens that are there. Moments are durations since any fixed start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBucket {
    tokens: u32,
    filled_at: Duration,
}

impl TokenBucket {
    /// A full one.
    pub fn new(limit: &RateLimit, now: Duration) -> Self {
        Self {
            tokens: limit.max_tokens,
            filled_at: now,
        }
    }

    /// Takes a token; false: there is none.
    pub fn take(&mut self, limit: &RateLimit, now: Duration) -> bool {
        let interval = limit.fill_interval.max(Duration::from_millis(1));
        let fills = now.saturating_sub(self.filled_at).as_nanos() / interval.as_nanos();
        let fills = u32::try_from(fills).unwrap_or(u32::MAX);
        if fills > 0 {
            let more = limit.tokens_per_fill.saturating_mul(fills);
            self.tokens = self.tokens.saturating_add(more).min(limit.max_tokens);
            self.filled_at += interval.saturating_mul(fills);
        }
        match self.tokens.checked_sub(1) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_by_the_interval_up_to_the_most_that_there_are() {
        let limit = RateLimit {
            max_tokens: 3,
            tokens_per_fill: 2,
            fill_interval: Duration::from_secs(1),
            enforced: 1_000_000,
            status: 429,
            response_headers: Vec::new(),
            origin: None,
        };
        let mut bucket = TokenBucket::new(&limit, Duration::from_secs(5));
        for (millis, want) in [
            (5000, true),
            (5000, true),
            (5000, true),
            (5999, false),
            (6000, true),
            (6500, true),
            (6900, false),
            (9900, true),
            (9900, true),
            (9900, true),
            (9900, false),
            (10_000, true),
        ] {
            assert_eq!(
                bucket.take(&limit, Duration::from_millis(millis)),
                want,
                "{millis}"
            );
        }
    }
}
