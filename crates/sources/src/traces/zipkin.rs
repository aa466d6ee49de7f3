//! Spans from Zipkin's JSON (version 2), which Envoy's Zipkin tracer sends.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Limits, Span, SpanEvent, SpanKind, SpanStatus, Tag, TagValue, TraceId, identity_of, otlp::Decoded,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ZipkinSpan {
    trace_id: String,
    id: String,
    parent_id: Option<String>,
    name: Option<String>,
    kind: Option<String>,
    /// Microseconds since 1970.
    timestamp: Option<u64>,
    /// Microseconds.
    duration: Option<u64>,
    local_endpoint: Option<Endpoint>,
    #[serde(default)]
    tags: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    service_name: Option<String>,
}

#[derive(Deserialize)]
struct Annotation {
    timestamp: u64,
    value: String,
}

/// Reads a list of spans.
///
/// # Errors
/// When the body is no such list; then nothing of it is taken.
pub fn decode(body: &[u8], limits: &Limits) -> Result<Decoded, serde_json::Error> {
    let mut decoded = Decoded::default();
    for span in serde_json::from_slice::<Vec<ZipkinSpan>>(body)? {
        match read(span, limits) {
            Ok(span) => decoded.spans.push(span),
            Err(reason) => decoded.reject(reason),
        }
    }
    Ok(decoded)
}

fn read(span: ZipkinSpan, limits: &Limits) -> Result<(TraceId, Span), &'static str> {
    let trace = span.trace_id.parse().map_err(|_| "`traceId` is no id")?;
    let id = span.id.parse().map_err(|_| "`id` is no id")?;
    let parent = span.parent_id.filter(|text| !text.is_empty());
    let parent = parent
        .map(|text| text.parse().map_err(|_| "`parentId` is no id"))
        .transpose()?;
    let start = span.timestamp.ok_or("a span has no `timestamp`")?;
    let tags: Vec<Tag> = span
        .tags
        .into_iter()
        .filter_map(|(key, value)| {
            let text = match value {
                serde_json::Value::String(text) => text,
                serde_json::Value::Null => return None,
                other => other.to_string(),
            };
            Some(Tag {
                key: key.into(),
                value: TagValue::Text(text.into()),
            })
        })
        .collect();
    // In Zipkin the tag alone says it; its value is what went wrong.
    let error = tags
        .iter()
        .find(|tag| &*tag.key == "error" && !tag.value.reads("false"))
        .map(|tag| tag.value.to_string());
    let service = span.local_endpoint.and_then(|endpoint| endpoint.service_name);
    let mut read = Span {
        id,
        parent,
        name: span.name.unwrap_or_default().into(),
        kind: match span.kind.as_deref() {
            Some("CLIENT") => SpanKind::Client,
            Some("SERVER") => SpanKind::Server,
            Some("PRODUCER") => SpanKind::Producer,
            Some("CONSUMER") => SpanKind::Consumer,
            _ => SpanKind::Unknown,
        },
        start_ns: start.saturating_mul(1000),
        duration_ns: span.duration.unwrap_or(0).saturating_mul(1000),
        service: service
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown_service".into())
            .into(),
        workload: identity_of(&tags),
        status: if error.is_some() {
            SpanStatus::Error
        } else {
            SpanStatus::Unset
        },
        message: error.filter(|words| words != "true").map(Into::into),
        tags,
        events: span
            .annotations
            .into_iter()
            .map(|annotation| SpanEvent {
                at_ns: annotation.timestamp.saturating_mul(1000),
                name: annotation.value.into(),
                tags: Vec::new(),
            })
            .collect(),
        links: Vec::new(),
        dropped: 0,
    };
    limits.apply(&mut read);
    Ok((trace, read))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Envoy's tracer writes a pair of spans: the callee shares the caller's id.
    const ENVOY: &str = r#"[
      {"traceId":"a3ce929d0e0e4736","id":"00f067aa0ba902b7","kind":"CLIENT","name":"reviews:9080/*","timestamp":1700000000000001,"duration":2500,
       "localEndpoint":{"serviceName":"productpage.bookinfo","ipv4":"127.64.1.1","port":0},
       "tags":{"http.status_code":"503","error":"true","istio.namespace":"bookinfo","response_flags":"UF"},"annotations":[{"timestamp":1700000000000100,"value":"retry"}]},
      {"traceId":"a3ce929d0e0e4736","id":"00f067aa0ba902b7","shared":true,"kind":"SERVER","timestamp":1700000000000500,"duration":100,"localEndpoint":{"serviceName":"reviews.bookinfo"}},
      {"traceId":"nonsense","id":"1","timestamp":1}
    ]"#;

    #[test]
    fn envoys_spans_are_understood_and_others_are_counted() {
        let decoded = decode(ENVOY.as_bytes(), &Limits::default()).unwrap();
        assert_eq!((decoded.spans.len(), decoded.rejected), (2, 1));
        assert_eq!(decoded.reason, Some("`traceId` is no id"));
        let (_, client) = &decoded.spans[0];
        assert_eq!(
            (client.start_ns, client.duration_ns),
            (1_700_000_000_000_001_000, 2_500_000)
        );
        assert_eq!((client.kind, client.is_error()), (SpanKind::Client, true));
        assert_eq!(client.workload.namespace, Some("bookinfo".into()));
        assert_eq!(client.events.len(), 1);
        let (trace, server) = &decoded.spans[1];
        assert_eq!((server.id, server.is_error()), (client.id, false));
        assert_eq!(trace.to_string(), "0000000000000000a3ce929d0e0e4736");
        assert!(decode(b"<html>", &Limits::default()).is_err());
    }
}
