//! Builders for tests: a mesh from YAML, with instances at addresses that are always the same. What measurements
//! print. And with the feature `peers`, the real programs that tests run beside ours.

mod figures;
mod mesh;
#[cfg(feature = "peers")]
pub mod peers;

pub use figures::{Report, median, quantile};
pub use mesh::Mesh;
