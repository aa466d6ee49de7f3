//! [`Plan`] to Envoy v3 messages.

use std::path::Path;

use vigla_dataplane::Plan;

use crate::{Resource, Resources, Secret};

/// Which program a proxy is. Both get the same resources; this decides only what one of them would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Program {
    /// `vigla-proxy`.
    Vigla,
    /// Stock Envoy.
    Envoy,
}

/// What an encoding depends on beside the plan.
#[derive(Debug, Clone, Copy)]
pub struct EncodeOptions<'a> {
    /// The program that will read it.
    pub program: Program,
    /// File for Envoy's JSON access log; `None`: no log. `vigla-proxy` takes its own from the command line.
    pub access_log: Option<&'a Path>,
}

/// Encodes a plan. Secrets are not part of it; see [`encode_secret`].
pub fn encode(_plan: &Plan, _options: EncodeOptions<'_>) -> Resources {
    Resources::default()
}

/// Encodes a secret under its SDS name.
pub fn encode_secret(name: &str, _secret: &Secret) -> Resource {
    Resource::new(name.into(), &[], 0)
}
