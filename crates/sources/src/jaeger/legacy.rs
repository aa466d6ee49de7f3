//! The JSON of Jaeger's own pages: what servers of the first version have, and those before API v3.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::Trouble;
use crate::{
    outbound::Call,
    traces::{
        Limits, Span, SpanEvent, SpanKind, SpanLink, SpanStatus, Tag, TagValue, Trace, TraceId, TraceQuery,
        identity_of,
    },
};

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Answer<T> {
    /// It may be `null`, but it is always there: that is how an answer of Jaeger is told from others.
    #[serde(deserialize_with = "Option::deserialize")]
    data: Option<Vec<T>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JaegerTrace {
    #[serde(rename = "traceID")]
    trace_id: String,
    spans: Vec<JaegerSpan>,
    #[serde(default)]
    processes: HashMap<String, Process>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JaegerSpan {
    #[serde(rename = "spanID")]
    span_id: String,
    operation_name: String,
    #[serde(default)]
    references: Vec<Reference>,
    /// Microseconds since 1970.
    start_time: u64,
    /// Microseconds.
    duration: u64,
    #[serde(default)]
    tags: Vec<JaegerTag>,
    #[serde(default)]
    logs: Option<Vec<Log>>,
    #[serde(rename = "processID")]
    process_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: String,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Deserialize)]
struct JaegerTag {
    key: String,
    value: Value,
}

#[derive(Deserialize)]
struct Log {
    timestamp: u64,
    #[serde(default)]
    fields: Vec<JaegerTag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    service_name: String,
    #[serde(default)]
    tags: Vec<JaegerTag>,
}

pub(super) fn services() -> Call {
    Call::get("api/services")
}

pub(super) fn operations(service: &str) -> Call {
    Call::get("api/services").part(service).part("operations")
}

pub(super) fn trace(id: TraceId) -> Call {
    Call::get("api/traces").part(&id.to_string())
}

pub(super) fn search(query: &TraceQuery, service: &str, limit: usize) -> Call {
    let filter = &query.filter;
    let (from_ns, to_ns) = super::times(query);
    let mut call = Call::get("api/traces")
        .with("service", service)
        .with("start", (from_ns / 1000).to_string())
        .with("end", to_ns.div_ceil(1000).to_string())
        .with("limit", limit.to_string());
    if let Some(operation) = &filter.operation {
        call = call.with("operation", operation);
    }
    if let Some(least) = filter.min_duration {
        call = call.with("minDuration", format!("{}us", least.as_micros()));
    }
    if let Some(most) = filter.max_duration {
        call = call.with("maxDuration", format!("{}us", most.as_nanos().div_ceil(1000)));
    }
    if !filter.tags.is_empty() {
        call = call.with("tags", super::tags(filter));
    }
    call
}

pub(super) fn is_empty(words: &str) -> bool {
    words.contains("trace not found")
}

pub(super) fn read_names(body: &[u8]) -> Result<Vec<String>, Trouble> {
    let answer: Answer<String> =
        serde_json::from_slice(body).map_err(|error| Trouble::of_json(&error, body))?;
    Ok(answer.data.unwrap_or_default())
}

pub(super) fn read_traces(body: &[u8], limits: &Limits) -> Result<Vec<Trace>, Trouble> {
    let answer: Answer<JaegerTrace> =
        serde_json::from_slice(body).map_err(|error| Trouble::of_json(&error, body))?;
    let traces = answer.data.unwrap_or_default().into_iter().filter_map(|trace| {
        let id = trace.trace_id.parse().ok()?;
        let spans = trace
            .spans
            .into_iter()
            .filter_map(|span| read(span, id, &trace.processes, limits));
        Some(Trace::new(id, spans.collect()))
    });
    Ok(traces.collect())
}

fn read(
    span: JaegerSpan,
    trace: TraceId,
    processes: &HashMap<String, Process>,
    limits: &Limits,
) -> Option<Span> {
    let process = processes.get(&span.process_id);
    let own = |tag: &JaegerTag| (Arc::<str>::from(tag.key.as_str()), value(&tag.value));
    let mut tags: Vec<Tag> = Vec::new();
    let (mut kind, mut status, mut message) = (SpanKind::Unknown, SpanStatus::Unset, None);
    let derived = span.tags.iter().any(|tag| tag.key == "otel.status_code");
    for tag in &span.tags {
        let (key, value) = own(tag);
        // Jaeger puts into tags what OpenTelemetry has fields for.
        match &*key {
            "span.kind" => {
                kind = match value.to_string().as_str() {
                    "client" => SpanKind::Client,
                    "server" => SpanKind::Server,
                    "producer" => SpanKind::Producer,
                    "consumer" => SpanKind::Consumer,
                    "internal" => SpanKind::Internal,
                    _ => SpanKind::Unknown,
                }
            }
            "otel.status_code" => {
                status = match value.to_string().as_str() {
                    "ERROR" => SpanStatus::Error,
                    "OK" => SpanStatus::Ok,
                    _ => SpanStatus::Unset,
                }
            }
            "otel.status_description" => message = Some(value.to_string().into()),
            "error" if derived => (),
            _ => tags.push(Tag { key, value }),
        }
    }
    let of_process = process.map(|process| process.tags.as_slice()).unwrap_or_default();
    tags.extend(of_process.iter().map(|tag| {
        let (key, value) = own(tag);
        Tag { key, value }
    }));
    let (mut parent, mut links) = (None, Vec::new());
    for reference in span.references {
        let (Ok(of), Ok(id)) = (reference.trace_id.parse::<TraceId>(), reference.span_id.parse()) else {
            continue;
        };
        if of == trace && parent.is_none() && reference.ref_type == "CHILD_OF" {
            parent = Some(id);
        } else {
            links.push(SpanLink { trace: of, span: id });
        }
    }
    let mut read = Span {
        id: span.span_id.parse().ok()?,
        parent,
        name: span.operation_name.into(),
        kind,
        start_ns: span.start_time.saturating_mul(1000),
        duration_ns: span.duration.saturating_mul(1000),
        service: process
            .map_or("unknown_service", |process| &process.service_name)
            .into(),
        workload: identity_of(&tags),
        tags,
        status,
        message,
        events: span.logs.unwrap_or_default().into_iter().map(event).collect(),
        links,
        dropped: 0,
    };
    limits.apply(&mut read);
    Some(read)
}

/// A log's field `event` is its name; the others are its tags.
fn event(log: Log) -> SpanEvent {
    let mut name: Arc<str> = "log".into();
    let mut tags = Vec::new();
    for field in log.fields {
        let value = value(&field.value);
        if field.key == "event" {
            name = value.to_string().into();
        } else {
            tags.push(Tag {
                key: field.key.into(),
                value,
            });
        }
    }
    SpanEvent {
        at_ns: log.timestamp.saturating_mul(1000),
        name,
        tags,
    }
}

fn value(value: &Value) -> TagValue {
    match value {
        Value::String(text) => TagValue::Text(text.as_str().into()),
        Value::Bool(value) => TagValue::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => TagValue::Int(whole),
            None => TagValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        other => TagValue::Text(other.to_string().into()),
    }
}
