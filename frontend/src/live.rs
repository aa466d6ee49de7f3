//! Data that is kept new: the clock, the status, lists by period, the graph by its stream.

mod clock;
mod delta;
mod feed;
mod fetched;
mod mesh;
mod pulse;

pub(crate) use clock::Clock;
pub(crate) use feed::GraphFeed;
pub(crate) use fetched::Fetched;
pub(crate) use mesh::Mesh;
pub(crate) use pulse::{Connection, Pulse};
