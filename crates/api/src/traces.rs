//! Traces: search, one trace, lists of names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Degraded;

/// `GET /api/v1/traces`. A trace is found when one of its spans meets all conditions at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields, default)]
pub struct TracesQuery {
    /// Comma list of namespaces, of which one wrote the span. Absent: all that the caller may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<String>,
    /// Service, as it calls itself in traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Workload that wrote the span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Name of the span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The span is not shorter: a duration such as `400ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// The span is not longer: a duration such as `2s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Whether the span failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<bool>,
    /// Tags of the span: an object of texts in JSON, such as `{"http.status_code":"503"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// Time before `to` in which the span starts: a Prometheus duration; default `1h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// The span starts at or after this, RFC 3339; in place of `window`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The span starts before this, RFC 3339; default 3 s ago, when the spans of all proxies have come in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Traces of a page, 1 to 200; default 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `GET /api/v1/traces/operations`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct OperationsQuery {
    /// Service, as it calls itself in traces.
    pub service: String,
}

/// A parameterless question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoQuery {}

/// Names for a choice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Names {
    /// In order.
    pub items: Vec<String>,
    /// Sources that could not give their part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<Degraded>,
}

/// Traces that were found, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TraceList {
    /// The traces.
    pub items: Vec<TraceItem>,
    /// Pass as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Start of the time that was searched, RFC 3339.
    pub from: String,
    /// Its end.
    pub to: String,
    /// Name of the source.
    pub source: String,
    /// Whether a page is full as long as there are more traces; otherwise it may hold fewer, even none, though `next`
    /// is there.
    pub exact: bool,
    /// Sources that could not give their part.
    #[serde(default)]
    pub degraded: Vec<Degraded>,
}

/// A trace in a list, made of the spans that the caller may read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TraceItem {
    /// Id: 32 hexadecimal digits.
    pub id: String,
    /// Service of the root, or of the first span.
    pub service: String,
    /// Name of that span.
    pub name: String,
    /// Who wrote it, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Whether that span is a root; otherwise its caller was not recorded, or is withheld.
    pub rooted: bool,
    /// HTTP status of that span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// Start of the first span, RFC 3339.
    pub start: String,
    /// From the first start to the last end.
    pub duration_ms: f64,
    /// Spans.
    pub spans: usize,
    /// Spans that failed.
    pub errors: usize,
    /// Response flags of proxies, such as `UT`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Services that took part, by first span.
    pub services: Vec<TraceService>,
    /// Spans of namespaces that the caller may not read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withheld: usize,
}

/// The part of a service in a trace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TraceService {
    /// Service.
    pub name: String,
    /// Its spans.
    pub spans: usize,
    /// Those that failed.
    pub errors: usize,
}

/// One trace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TraceDetail {
    /// What a list says of it.
    #[serde(flatten)]
    pub item: TraceItem,
    /// Spans by start.
    pub all: Vec<SpanBody>,
    /// Spans that were over the bound of a trace, and are not kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped: usize,
    /// Name of the source.
    pub source: String,
    /// Sources that could not give their part: then the trace is as it was known before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<Degraded>,
}

/// A span.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpanBody {
    /// Id: 16 hexadecimal digits. A client and a server span of Zipkin may share one.
    pub id: String,
    /// Id of the span that it is part of; absent for a root. The span itself may be withheld or not recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Operation.
    pub name: String,
    /// `server`, `client`, `producer`, `consumer`, `internal` or `unknown`.
    pub kind: String,
    /// Service that wrote it.
    pub service: String,
    /// Its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Its app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Time from the start of the trace.
    pub offset_ms: f64,
    /// Length.
    pub duration_ms: f64,
    /// `ok`, `error` or `unset`, as its writer says.
    pub status: String,
    /// Whether it failed, by status or tag.
    pub error: bool,
    /// Words to the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Tags of the span and its process; where a key comes twice, the span's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, serde_json::Value>,
    /// What happened within.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<SpanEventBody>,
    /// Related spans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<SpanLinkBody>,
    /// Tags, events and links that were left out.
    #[serde(default, skip_serializing_if = "is_zero_u32")]
    pub dropped: u32,
}

/// Something that happened within a span.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpanEventBody {
    /// Time from the start of the trace; negative where clocks differ.
    pub offset_ms: f64,
    /// What.
    pub name: String,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, serde_json::Value>,
}

/// A related span.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpanLinkBody {
    /// Its trace.
    pub trace: String,
    /// Itself.
    pub span: String,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn is_zero_u32(count: &u32) -> bool {
    *count == 0
}
