//! The sidecar: ADS client, listeners, load balancing, mTLS, telemetry.
//!
//! [`Proxy`] does what a [`Plan`](vigla_dataplane::Plan) says; where plans come from is its owner's affair (the
//! binary's: ADS). Each worker is a thread with a runtime of its own; a request is routed by
//! [`vigla_dataplane::decide`] alone.

mod access_log;
mod admin;
mod ads;
mod config;
mod downstream;
mod dump;
mod executor;
mod hello;
mod http;
mod interner;
mod limit;
mod listener;
mod metrics;
pub mod process;
mod proxy;
mod random;
mod record;
mod resolve;
mod status;
mod tcp;
mod trace;
mod upstream;
mod worker;

pub use admin::run_admin;
pub use ads::{AdsOptions, run_ads};
pub use proxy::{AccessLogOptions, Proxy, ProxyOptions};
pub use status::Status;
