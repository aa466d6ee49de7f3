//! The mesh's config: documents in which every value knows its place, thin typed views over them, and the
//! [`Snapshot`] that rules, compiler, graph and simulator ask.

mod instance;

pub use instance::{Capture, Instance};
