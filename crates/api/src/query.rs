//! Query parameters. Unknown ones are refused (400), so that a typing error is not taken for a default.

use serde::{Deserialize, Serialize};

/// `GET /api/v1/graph` and `/graph/stream`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct GraphQuery {
    /// Comma list: edges with at least one end there, and both their ends. Absent: all that the caller may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<String>,
    /// `finest`, `app`, `versioned_app`, `workload` (default) or `service`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// Boxes around nodes, comma list of `cluster`, `namespace`, `app`; `none` for no boxes. Absent: `namespace`, and
    /// `cluster` where there are several.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    pub boxes: Option<String>,
    /// Prometheus duration such as `5m`; default `1m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// End of the window, RFC 3339; default now. Not for streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Comma list of `idle` (edges and nodes without traffic too), `buckets` (latency histograms) and `counters`
    /// (raw counters).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include: Option<String>,
    /// Find expression such as `error > 1 % and ns = bookinfo`: the answer's `found` says what it matches. Not for
    /// streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub find: Option<String>,
    /// Find expression: what it matches is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hide: Option<String>,
    /// `GET /api/v1/graph/export` only: `json`, `csv`, `dot`, `mermaid` or `svg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// Lists of services, workloads and apps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct ListQuery {
    /// Comma list of namespaces. Absent: all that the caller may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<String>,
    /// Prometheus duration such as `5m`; default `1m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Rows of a page, 1 to 1000; default 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// One service, workload or app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct DetailQuery {
    /// Prometheus duration such as `5m`; default `1m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Cluster; absent means the only or the home cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
}

/// `GET /api/v1/config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct ConfigQuery {
    /// Comma list of namespaces. Absent: all that the caller may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<String>,
    /// Only this kind, such as `VirtualService`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Rows of a page, 1 to 1000; default 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `GET /api/v1/findings`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct FindingsQuery {
    /// Comma list of namespaces. Absent: all that the caller may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<String>,
    /// Only these codes, with commas: ours (`VG1004`) or a peer's (`KIA1107`, `IST0101`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// All but these codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Only those at least so bad: `error`, `warning` or `info`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
}

/// `POST /api/v1/validate`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct ValidateQuery {
    /// `mesh` (default): the body's objects replace or join the live ones. `none`: the body is the whole mesh, as
    /// for `vigla validate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
}

/// `GET /api/v1/changes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct ChangesQuery {
    /// Earliest time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Latest time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Logs of one workload's proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct LogsQuery {
    /// Newest lines, 1 to 1000; default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<usize>,
}
