//! `vigla-proxy`, the sidecar.
fn main() {}
