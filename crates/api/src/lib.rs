//! Bodies of the REST API (v1), shared by server, browser, command line and tests.
//!
//! Names of fields are the contract; an absent field means "not known", never zero and never `null`.

pub mod convert;
mod findings;
mod graph;
mod lists;
mod problem;
mod query;
mod status;
mod time;
mod traces;

pub use findings::*;
pub use graph::*;
pub use lists::*;
pub use problem::*;
pub use query::*;
pub use status::*;
pub use time::{format_time, parse_time};
pub use traces::*;
