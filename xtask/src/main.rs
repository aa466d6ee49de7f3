//! Build commands of the project.
fn main() {}
