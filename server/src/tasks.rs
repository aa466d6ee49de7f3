//! Background tasks: each runs again at any time, publishes through a channel, and ends on shutdown.

pub mod changes;
pub mod graph;
pub mod snapshot;
pub mod traces;
