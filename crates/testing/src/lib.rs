//! Builders for tests: a mesh from YAML, with instances at addresses that are always the same.

mod mesh;

pub use mesh::Mesh;
