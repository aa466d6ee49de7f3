//! Between the graph's own types and bodies of the API, both ways: the browser rebuilds the graph it was sent.
//!
//! Rates are written with six decimals, so a body read back differs from its view by less than a millionth.

mod findings;
mod read;
mod write;

#[cfg(test)]
mod tests;

use std::str::FromStr;

use thiserror::Error;

pub use findings::{finding_body, findings_body};
pub use read::{read_delta, read_graph};
pub use write::{
    found_body, health_body, object_body, place_body, traffic_body, why_body, write_delta, write_graph,
};

/// What a caller wants beside the usual (`include=buckets,counters,idle`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Include {
    /// Latency buckets; the finest view has them always.
    pub buckets: bool,
    /// Raw counters.
    pub counters: bool,
    /// Nodes and edges that counted nothing.
    pub idle: bool,
}

/// A word of `include` that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` cannot be included; possible are buckets, counters and idle")]
pub struct UnknownInclude(pub String);

impl FromStr for Include {
    type Err = UnknownInclude;
    fn from_str(text: &str) -> Result<Self, UnknownInclude> {
        let mut include = Self::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            match word {
                "buckets" => include.buckets = true,
                "counters" => include.counters = true,
                "idle" => include.idle = true,
                _ => return Err(UnknownInclude(word.to_owned())),
            }
        }
        Ok(include)
    }
}

/// A body that no graph of this version can be read from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field} of the graph's answer is `{value}`, which this version does not know")]
pub struct BadBody {
    /// Which field.
    pub field: &'static str,
    /// What stands there.
    pub value: String,
}

impl BadBody {
    fn new(field: &'static str, value: &str) -> Self {
        Self {
            field,
            value: value.to_owned(),
        }
    }
}
