//! `GET /api/v1/status` and the demo's scenarios.

use serde::{Deserialize, Serialize};

use crate::{ObjectRef, Place};

/// State of the console.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Status {
    /// Version of the console.
    pub version: String,
    /// `demo` or `serve`.
    pub mode: String,
    /// Name of the mesh.
    pub mesh: String,
    /// When the console started, RFC 3339.
    pub started: String,
    /// The time now, RFC 3339: ages are told from it.
    pub now: String,
    /// Where data comes from.
    pub sources: Vec<SourceStatus>,
    /// Background tasks.
    pub tasks: Vec<TaskStatus>,
    /// Proxies of the bundled control plane.
    pub proxies: Vec<ProxyStatus>,
    /// Files of the mesh's config that cannot be read; their last good text is in effect.
    pub config_errors: Vec<ConfigErrorBody>,
    /// What of the mesh's config is not in effect, because the bundled control plane cannot do it or it contradicts
    /// itself; the rest is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config_problems: Vec<ConfigProblem>,
    /// What the caller may do.
    pub capabilities: Capabilities,
}

/// One source of data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SourceStatus {
    /// Name.
    pub name: String,
    /// `metrics`, `config`, `traces` or `logs`.
    pub kind: String,
    /// `ok`, `degraded` (a part of it is missing or old: `last_error` says which), `failing` or `starting`.
    pub state: String,
    /// Duration of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Time since the newest data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<f64>,
    /// Last trouble.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When the last trouble was seen, RFC 3339; it may be over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<String>,
    /// Since when it is failing or degraded, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// How it is asked, such as `every 2 s, 8 targets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Program and version, when it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it can do, in single words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
    /// What in its last answer could not be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One background task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskStatus {
    /// Name.
    pub name: String,
    /// Last success, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success: Option<String>,
    /// Last trouble.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When the last trouble was seen, RFC 3339; it may be over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_at: Option<String>,
}

/// One proxy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProxyStatus {
    /// Namespace of its workload.
    pub namespace: String,
    /// Its workload.
    pub workload: String,
    /// `vigla-proxy` or `envoy`.
    pub program: String,
    /// `connected` or `disconnected`.
    pub state: String,
    /// Whether it has acknowledged the newest config of every kind.
    pub in_sync: bool,
    /// Median time from a change of config to its acknowledgement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_push_ms: Option<f64>,
    /// Config that it refused: last good stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
}

/// A file that cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigErrorBody {
    /// Where.
    pub place: Place,
    /// What is wrong and what to do.
    pub message: String,
}

/// A part of the mesh's config that is not in effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigProblem {
    /// The object.
    pub object: ObjectRef,
    /// The field in it.
    pub place: Place,
    /// What is wrong, and what proxies do instead.
    pub message: String,
    /// Proxies whose config lacks it.
    pub proxies: usize,
}

/// What the caller may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capabilities {
    /// Whether there are scenarios to start.
    pub scenarios: bool,
}

/// One scenario of the demo.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scenario {
    /// Name, such as `broken-subset`.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// What it changes.
    pub changes: String,
    /// What to look at.
    pub look: Vec<String>,
    /// Steps that it has.
    pub steps: u32,
    /// Step that is applied; absent when none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// Since when, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// `GET /api/v1/scenarios`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Scenarios {
    /// All scenarios.
    pub scenarios: Vec<Scenario>,
}

/// Body of `POST /api/v1/scenarios/{name}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApplyScenario {
    /// Step, from 1; 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
}

/// Answer to `POST /api/v1/scenarios/{name}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScenarioApplied {
    /// Name.
    pub name: String,
    /// Step that is applied now.
    pub step: u32,
    /// Steps that it has.
    pub steps: u32,
    /// Revision of the mesh's config that holds it.
    pub revision: u64,
}
