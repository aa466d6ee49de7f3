//! Lists, details, config, changes and logs.

use serde::{Deserialize, Serialize};

use crate::{Degraded, Health, ObjectRef, Place, Traffic};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Rows in all pages.
    pub total: usize,
    /// Pass as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Sources that could not give their part.
    #[serde(default)]
    pub degraded: Vec<Degraded>,
}

/// A namespace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamespaceItem {
    /// Name.
    pub name: String,
    /// Workloads in it.
    pub workloads: usize,
    /// Services in it.
    pub services: usize,
    /// Worst state of its workloads.
    pub health: Health,
    /// Traffic that came to its workloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound: Option<Traffic>,
}

/// A workload, service or app in a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ObjectItem {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// App, for workloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Version, for workloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether a sidecar counts its traffic, for workloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<bool>,
    /// State and why.
    pub health: Health,
    /// Traffic that came to it.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub inbound: Option<Traffic>,
    /// Traffic that it sent.
    #[serde(rename = "out", skip_serializing_if = "Option::is_none")]
    pub outbound: Option<Traffic>,
}

/// A workload, service or app in detail.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ObjectDetail {
    /// What the list says.
    #[serde(flatten)]
    pub item: ObjectItem,
    /// Labels, for workloads.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub labels: std::collections::BTreeMap<String, String>,
    /// Service account, for workloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// Host, for services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Ports as `9080/http`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
    /// Workloads behind a service or app; services in front of a workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
    /// Objects of the mesh's config that act on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigItem>,
    /// Window over which traffic was counted.
    pub window_seconds: f64,
    /// End of the window, RFC 3339.
    pub at: String,
    /// Sources that could not give their part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<Degraded>,
}

/// An object of the mesh's config in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigItem {
    /// Which.
    pub object: ObjectRef,
    /// API version, such as `networking.istio.io/v1`.
    pub api_version: String,
    /// Where its text starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// An object of the mesh's config with its text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigDetail {
    /// What the list says.
    #[serde(flatten)]
    pub item: ConfigItem,
    /// Its text as written.
    pub yaml: String,
    /// Line of the file at which the text starts, from 1.
    pub first_line: u32,
}

/// A change of the mesh's config.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeItem {
    /// When, RFC 3339.
    pub at: String,
    /// Revision of the config after it.
    pub revision: u64,
    /// `added`, `changed` or `removed`.
    pub action: String,
    /// The object.
    pub object: ObjectRef,
    /// Who or what did it: `file`, or `scenario NAME`.
    pub by: String,
}

/// Log lines of one proxy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Logs {
    /// Newest last; each is the line's own JSON object, or a string where it is none.
    pub lines: Vec<serde_json::Value>,
    /// Whether older lines were left out.
    pub truncated: bool,
}
