//! Binary `vigla`.
fn main() {}
