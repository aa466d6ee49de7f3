//! Builders for tests: a mesh from YAML, with instances at addresses that are always the same. And what measurements
//! print.

mod figures;
mod mesh;

pub use figures::{Report, median, quantile};
pub use mesh::Mesh;
