//! The laptop mesh: Bookinfo with real sidecars, real mutual TLS and real traffic, on loopback addresses.
//!
//! [`Demo::start`] reads the mesh's config, gives each workload addresses, runs its application as tasks and its
//! sidecar as a child process, and makes traffic. What the console needs is asked from the [`Demo`]; serving it is the
//! console's own affair.

mod address;
mod app;
mod behaviour;
mod demo;
mod embedded;
mod error;
mod fleet;
mod generator;
mod mesh;
mod number;
mod options;
mod probe;
mod prometheus;
mod running;
mod scenario;
mod schedule;
mod sidecar;

pub use app::{AppCounts, CallCounts};
pub use demo::{Demo, LogsError};
pub use error::DemoError;
pub use generator::{GeneratorState, GeneratorStatus};
pub use options::{CaptureMode, DemoOptions, EnvoyChoice};
pub use prometheus::write_config as write_prometheus_config;
pub use scenario::{Applied, ScenarioError, ScenarioInfo, Scenarios};
pub use sidecar::{LogTail, SidecarStatus};
