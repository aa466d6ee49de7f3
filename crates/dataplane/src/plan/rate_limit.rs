//! How many requests are taken (Envoy's local rate limit).

use std::{sync::Arc, time::Duration};

use vigla_model::Origin;

/// Tokens of which each request takes one. Each proxy counts for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// The most that there are: so many requests may come at once.
    pub max_tokens: u32,
    /// How many come at a time.
    pub tokens_per_fill: u32,
    /// How often they come; at least 50 ms, as Envoy asks.
    pub fill_interval: Duration,
    /// Share of the requests without token that are refused, in millionths; the others pass all the same.
    pub enforced: u32,
    /// HTTP status of a refusal.
    pub status: u16,
    /// Headers that are added to refusals, by lower-case name.
    pub response_headers: Vec<(Arc<str>, Arc<str>)>,
    /// The patch that asks for it.
    pub origin: Option<Origin>,
}
