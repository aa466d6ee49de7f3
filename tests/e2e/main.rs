//! End to end: the programs of this tree, real Envoy, a real browser, real traffic, all on loopback.
//!
//! One program, because each test starts processes and measures times: `cargo xtask test` runs them one
//! after the other. Each file is one promise of the README or of SECURITY.md.

mod browser;
mod cluster;
mod envoy;
mod numbers;
mod parity;
mod processes;
mod prometheus;
mod safety;
mod scenarios;
mod serve;
