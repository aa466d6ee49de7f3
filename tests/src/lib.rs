//! What end to end tests stand on: a demo as a child process, its API, a real browser.
//!
//! `cargo xtask test` builds the programs and names them in variables; without these a test says
//! "skipped" aloud and passes, so that a bare `cargo test` works everywhere.

mod api;
mod bookinfo;
mod browser;
mod counts;
mod demo;
mod expectation;
mod given;
mod objects;
mod output;
mod processes;
mod prometheus;
mod served;
mod wait;

pub use api::{EdgeExt, GraphExt, Name};
pub use bookinfo::{MESH_EDGES, complete_graph};
pub use browser::{Browser, Violation};
pub use counts::{AppCounts, read_counts};
pub use demo::{Demo, Options};
pub use expectation::Expectation;
pub use given::{Given, given, run_as_root};
pub use objects::read_folder;
pub use output::output;
pub use processes::{Process, Usage, listening_addresses, processes_that_mention, usage};
pub use prometheus::Prometheus;
pub use served::Served;
pub use wait::{until, until_some};
