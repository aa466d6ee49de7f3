//! What a reader reads: numbers, times, states and names as words. Plain functions, tested without a browser.

mod health;
mod names;
pub(crate) mod number;
mod sentences;
pub(crate) mod time;

pub(crate) use health::State;
pub(crate) use names::{edge_name, kind_words, node_name, protocol_words, short_host, short_kind};
pub(crate) use sentences::{blind, difference, failed, flag_words, principal_short, response_words};
