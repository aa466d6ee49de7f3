//! How many requests a chain takes: one bucket of tokens for all workers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use vigla_dataplane::{Dice, RateLimit, TokenBucket};

/// A limit and its tokens.
pub(crate) struct Limiter {
    pub(crate) limit: Arc<RateLimit>,
    tokens: Mutex<TokenBucket>,
    started: Instant,
}

impl Limiter {
    /// A full bucket; one with the same limit goes on as it is.
    pub(crate) fn new(limit: &Arc<RateLimit>, before: Option<&Arc<Self>>) -> Arc<Self> {
        let kept = before.filter(|before| before.limit == *limit);
        kept.cloned().unwrap_or_else(|| {
            Arc::new(Self {
                limit: Arc::clone(limit),
                tokens: Mutex::new(TokenBucket::new(limit, std::time::Duration::ZERO)),
                started: Instant::now(),
            })
        })
    }

    /// Takes a token for a request; true: there is none, and the request is refused.
    pub(crate) fn refuses(&self, dice: &mut impl Dice) -> bool {
        const ALL: u32 = 1_000_000;
        let now = self.started.elapsed();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        !tokens.take(&self.limit, now) && (self.limit.enforced >= ALL || dice.roll(ALL) < self.limit.enforced)
    }
}
