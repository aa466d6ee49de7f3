//! Jaeger's API v3: questions in its parameters, answers in OpenTelemetry's JSON.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::trace::v1::TracesData;
use serde::Deserialize;

use super::Trouble;
use crate::{
    outbound::Call,
    traces::{Limits, Span, Trace, TraceId, TraceQuery, otlp},
};

#[derive(Deserialize)]
struct Services {
    services: Vec<String>,
}

#[derive(Deserialize)]
struct Operations {
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    name: String,
}

#[derive(Deserialize)]
struct Answer {
    result: Option<TracesData>,
}

pub(super) fn services() -> Call {
    Call::get("api/v3/services")
}

pub(super) fn operations(service: &str) -> Call {
    Call::get("api/v3/operations").with("service", service)
}

pub(super) fn trace(id: TraceId) -> Call {
    Call::get("api/v3/traces").part(&id.to_string())
}

pub(super) fn search(query: &TraceQuery, limit: usize) -> Call {
    let filter = &query.filter;
    let (from_ns, to_ns) = super::times(query);
    let mut call = Call::get("api/v3/traces")
        .with("query.start_time_min", time(from_ns))
        .with("query.start_time_max", time(to_ns))
        // Its name changed; servers pass over the one that they do not know.
        .with("query.num_traces", limit.to_string())
        .with("query.search_depth", limit.to_string());
    for (name, value) in [
        ("query.service_name", &filter.service),
        ("query.operation_name", &filter.operation),
    ] {
        if let Some(value) = value {
            call = call.with(name, value);
        }
    }
    if let Some(least) = filter.min_duration {
        call = call.with("query.duration_min", format!("{}us", least.as_micros()));
    }
    if let Some(most) = filter.max_duration {
        call = call.with(
            "query.duration_max",
            format!("{}us", most.as_nanos().div_ceil(1000)),
        );
    }
    if !filter.tags.is_empty() {
        call = call.with("query.attributes", super::tags(filter));
    }
    call
}

/// RFC 3339 with nanoseconds.
pub(super) fn time(ns: u64) -> String {
    let (days, of_day) = (ns / 86_400_000_000_000, ns % 86_400_000_000_000);
    let (seconds, nanos) = (of_day / 1_000_000_000, of_day % 1_000_000_000);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{nanos:09}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// The date so many days after 1970-01-01, in years that begin in March, so that the leap day is the last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

pub(super) fn read_services(body: &[u8]) -> Result<Vec<String>, Trouble> {
    let answer: Services = serde_json::from_slice(body).map_err(|error| Trouble::of_json(&error, body))?;
    Ok(answer.services)
}

pub(super) fn read_operations(body: &[u8]) -> Result<Vec<String>, Trouble> {
    let answer: Operations = serde_json::from_slice(body).map_err(|error| Trouble::of_json(&error, body))?;
    Ok(answer
        .operations
        .into_iter()
        .map(|operation| operation.name)
        .collect())
}

/// Whether the words of a 404 mean that nothing was found.
pub(super) fn is_empty(words: &str) -> bool {
    words.contains("No traces found") || words.contains("trace not found")
}

/// Traces of an answer, which may come as several objects, each with a part of the spans.
pub(super) fn read_traces(body: &[u8], limits: &Limits) -> Result<Vec<Trace>, Trouble> {
    let mut spans: BTreeMap<TraceId, Vec<Span>> = BTreeMap::new();
    for part in serde_json::Deserializer::from_slice(body).into_iter::<Answer>() {
        let part = part.map_err(|error| Trouble::of_json(&error, body))?;
        // An answer without traces is a 404; this is something else, and no reason to think that there are none.
        let result = part
            .result
            .ok_or_else(|| Trouble::Other("an answer to a search without `result`".to_owned()))?;
        let batches = result.resource_spans;
        for (id, span) in otlp::decode(batches, limits).spans {
            spans.entry(id).or_default().push(span);
        }
    }
    Ok(spans
        .into_iter()
        .map(|(id, spans)| Trace::new(id, spans))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_nanosecond() {
        for (ns, expect) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_399_999_999_999, "2000-02-28T23:59:59.999999999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (1_795_000_001_000_000_005, "2026-11-18T11:06:41.000000005Z"),
        ] {
            assert_eq!(time(ns), expect);
        }
    }
}
