//! Spans from OpenTelemetry's messages, as exporters send them and Jaeger's API v3 answers with them.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, Span as OtlpSpan, Status, span, status::StatusCode},
};

use super::{
    Limits, Span, SpanEvent, SpanId, SpanKind, SpanLink, SpanStatus, Tag, TagValue, TraceId, identity_of,
};

/// Spans that were understood, and how many were not.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Spans with the trace that each belongs to.
    pub spans: Vec<(TraceId, Span)>,
    /// Spans that could not be used.
    pub rejected: usize,
    /// Why the first of them could not.
    pub reason: Option<&'static str>,
}

impl Decoded {
    /// Counts a span that cannot be used.
    pub fn reject(&mut self, reason: &'static str) {
        self.rejected += 1;
        self.reason.get_or_insert(reason);
    }
}

/// Reads messages; spans without valid ids are counted and left out.
pub fn decode(batches: Vec<ResourceSpans>, limits: &Limits) -> Decoded {
    let mut decoded = Decoded::default();
    for batch in batches {
        let resource = batch.resource.unwrap_or_default();
        let of_process: Vec<Tag> = tags(resource.attributes, limits.tags);
        let service = of_process.iter().find(|tag| &*tag.key == "service.name");
        let service: Arc<str> = match service {
            Some(tag) => tag.value.to_string().into(),
            // What OpenTelemetry's own SDKs write when nobody told them.
            None => "unknown_service".into(),
        };
        let of_process: Vec<Tag> = of_process
            .into_iter()
            .filter(|tag| &*tag.key != "service.name")
            .collect();
        for span in batch.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            match read(span, &service, &of_process, limits) {
                Ok(span) => decoded.spans.push(span),
                Err(reason) => decoded.reject(reason),
            }
        }
    }
    decoded
}

fn read(
    span: OtlpSpan,
    service: &Arc<str>,
    of_process: &[Tag],
    limits: &Limits,
) -> Result<(TraceId, Span), &'static str> {
    let trace = TraceId::from_bytes(&span.trace_id).ok_or("a trace id is not 16 bytes, or all zeros")?;
    let id = SpanId::from_bytes(&span.span_id).ok_or("a span id is not 8 bytes, or all zeros")?;
    let counts = [
        span.dropped_attributes_count,
        span.dropped_events_count,
        span.dropped_links_count,
    ];
    // Lists are cut before they are turned into ours: a hostile one would cost memory first.
    let over = |len: usize, most: usize| u32::try_from(len.saturating_sub(most)).unwrap_or(u32::MAX);
    let mut dropped = counts.into_iter().fold(0, u32::saturating_add);
    dropped = dropped
        .saturating_add(over(span.attributes.len(), limits.tags))
        .saturating_add(over(span.events.len(), limits.events))
        .saturating_add(over(span.links.len(), limits.links));
    let mut all = tags(span.attributes, limits.tags);
    all.extend_from_slice(of_process);
    let Status { message, code } = span.status.unwrap_or_default();
    let mut read = Span {
        id,
        parent: SpanId::from_bytes(&span.parent_span_id),
        name: span.name.into(),
        kind: match span::SpanKind::try_from(span.kind) {
            Ok(span::SpanKind::Internal) => SpanKind::Internal,
            Ok(span::SpanKind::Server) => SpanKind::Server,
            Ok(span::SpanKind::Client) => SpanKind::Client,
            Ok(span::SpanKind::Producer) => SpanKind::Producer,
            Ok(span::SpanKind::Consumer) => SpanKind::Consumer,
            Ok(span::SpanKind::Unspecified) | Err(_) => SpanKind::Unknown,
        },
        start_ns: span.start_time_unix_nano,
        duration_ns: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano),
        service: service.clone(),
        workload: identity_of(&all),
        tags: all,
        status: match StatusCode::try_from(code) {
            Ok(StatusCode::Ok) => SpanStatus::Ok,
            Ok(StatusCode::Error) => SpanStatus::Error,
            Ok(StatusCode::Unset) | Err(_) => SpanStatus::Unset,
        },
        message: (!message.is_empty()).then(|| message.into()),
        events: span
            .events
            .into_iter()
            .take(limits.events)
            .map(|event| SpanEvent {
                at_ns: event.time_unix_nano,
                name: event.name.into(),
                tags: tags(event.attributes, limits.event_tags),
            })
            .collect(),
        links: span.links.iter().take(limits.links).filter_map(link).collect(),
        dropped,
    };
    limits.apply(&mut read);
    Ok((trace, read))
}

fn link(link: &span::Link) -> Option<SpanLink> {
    Some(SpanLink {
        trace: TraceId::from_bytes(&link.trace_id)?,
        span: SpanId::from_bytes(&link.span_id)?,
    })
}

fn tags(attributes: Vec<KeyValue>, most: usize) -> Vec<Tag> {
    let tags = attributes.into_iter().take(most).filter_map(|attribute| {
        Some(Tag {
            key: attribute.key.into(),
            value: value(attribute.value?.value?)?,
        })
    });
    tags.collect()
}

fn value(value: Value) -> Option<TagValue> {
    Some(match value {
        Value::StringValue(text) => TagValue::Text(text.into()),
        Value::BoolValue(value) => TagValue::Bool(value),
        Value::IntValue(value) => TagValue::Int(value),
        Value::DoubleValue(value) => TagValue::Float(value),
        // Only profiles use indices into a table of strings.
        Value::StringValueStrindex(_) => return None,
        nested => TagValue::Text(json(nested, 0).to_string().into()),
    })
}

/// Values of lists in lists of lists are nobody's; the bound keeps a hostile one off the stack.
const MAX_DEPTH: usize = 8;

fn json(value: Value, depth: usize) -> serde_json::Value {
    let inner = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(value) if depth < MAX_DEPTH => json(value, depth + 1),
        _ => serde_json::Value::Null,
    };
    match value {
        Value::StringValue(text) => text.into(),
        Value::BoolValue(value) => value.into(),
        Value::IntValue(value) => value.into(),
        Value::DoubleValue(value) => value.into(),
        Value::ArrayValue(list) => list.values.into_iter().map(|value| inner(Some(value))).collect(),
        Value::KvlistValue(list) => {
            let pairs = list.values.into_iter().map(|pair| (pair.key, inner(pair.value)));
            serde_json::Value::Object(pairs.collect())
        }
        Value::BytesValue(bytes) => format!("{} bytes", bytes.len()).into(),
        Value::StringValueStrindex(_) => serde_json::Value::Null,
    }
}
