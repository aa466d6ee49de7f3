//! Traces: search, one trace, and the names to search by.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
};
use vigla_api::{
    Degraded, Names, NoQuery, OperationsQuery, Problem, SpanBody, SpanEventBody, SpanLinkBody, TraceDetail,
    TraceItem, TraceList, TraceService, TracesQuery, format_time,
};
use vigla_model::Timestamp;
use vigla_sources::{
    SourceError,
    traces::{
        MAX_LIMIT, Span, SpanKind, SpanStatus, Tag, TagValue, TraceFilter, TraceId, TraceQuery, TraceSummary,
    },
};

use super::Asked;
use crate::{
    caller::Caller,
    cut::{now, parse_time, parse_window},
    error::ApiError,
    last_good::Given,
    traces::TraceDesk,
};

/// Where traces come from; `None` when nothing was set up.
pub type Traces = Option<TraceDesk>;

/// Traces of a page when the caller does not say.
const LIMIT: usize = 20;
/// Age of the newest traces that are told when the caller does not say: proxies send their spans each second, and a
/// trace of which half has arrived looks like a request that went nowhere.
const SETTLED: Duration = Duration::from_secs(3);
/// Time that is searched when the caller does not say.
const WINDOW: Duration = Duration::from_secs(3600);
/// Conditions on tags in one question: a person writes two or three.
const MAX_TAGS: usize = 16;
/// Bytes of a name or value in a condition; spans hold no longer ones.
const MAX_TEXT: usize = 1024;

/// `GET /api/v1/traces`: traces that meet the conditions by spans that the caller may read, newest first.
#[utoipa::path(get, path = "/api/v1/traces", params(TracesQuery), tag = "traces",
    responses((status = 200, body = TraceList), (status = 400, body = Problem), (status = 403, body = Problem), (status = 503, body = Problem)))]
pub async fn get_traces(
    caller: Caller,
    State(traces): State<Traces>,
    Asked(query): Asked<TracesQuery>,
) -> Result<Json<TraceList>, ApiError> {
    let asked = parse(&query, &caller, now())?;
    let desk = desk(traces)?;
    let (from, to) = (format_time(asked.from), format_time(asked.to));
    let page = desk.search(&format!("{query:?}"), asked).await?;
    Ok(Json(TraceList {
        items: page.good.answer.items.iter().map(item).collect(),
        next: page.good.answer.next.map(|next| next.to_string()),
        from,
        to,
        source: desk.source().name().to_owned(),
        exact: desk.source().capabilities().exact,
        degraded: degraded(&page),
    }))
}

/// `GET /api/v1/traces/{id}`: one trace. Spans of namespaces that the caller may not read are counted in `withheld`;
/// a trace with no other is not found.
#[utoipa::path(get, path = "/api/v1/traces/{id}", params(("id" = String, Path)), tag = "traces",
    responses((status = 200, body = TraceDetail), (status = 400, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub async fn get_trace(
    caller: Caller,
    State(traces): State<Traces>,
    Path(id): Path<String>,
    Asked(NoQuery {}): Asked<NoQuery>,
) -> Result<Json<TraceDetail>, ApiError> {
    let id: TraceId = id
        .parse()
        .map_err(|error| ApiError::BadParameter(format!("{error}")))?;
    let desk = desk(traces)?;
    let found = desk.trace(id).await?;
    let missing = || ApiError::NotFound(format!("trace {id}: it was not recorded, or is no longer kept"));
    let whole = found.good.answer.clone();
    let trace = whole
        .and_then(|trace| trace.only(caller.scope()))
        .ok_or_else(missing)?;
    let summary = TraceSummary::of(&trace).ok_or_else(missing)?;
    let start_ns = trace.start_ns();
    Ok(Json(TraceDetail {
        item: item(&summary),
        all: trace.spans.iter().map(|span| span_body(span, start_ns)).collect(),
        dropped: trace.dropped,
        source: desk.source().name().to_owned(),
        degraded: degraded(&found),
    }))
}

/// `GET /api/v1/traces/services`: services that have spans.
#[utoipa::path(get, path = "/api/v1/traces/services", tag = "traces", responses((status = 200, body = Names), (status = 503, body = Problem)))]
pub async fn get_services(
    caller: Caller,
    State(traces): State<Traces>,
    Asked(NoQuery {}): Asked<NoQuery>,
) -> Result<Json<Names>, ApiError> {
    Ok(Json(names(&desk(traces)?.services(caller.scope()).await?)))
}

/// `GET /api/v1/traces/operations`: operations of a service.
#[utoipa::path(get, path = "/api/v1/traces/operations", params(OperationsQuery), tag = "traces",
    responses((status = 200, body = Names), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub async fn get_operations(
    caller: Caller,
    State(traces): State<Traces>,
    Asked(query): Asked<OperationsQuery>,
) -> Result<Json<Names>, ApiError> {
    let found = desk(traces)?.operations(caller.scope(), &query.service).await?;
    Ok(Json(names(&found)))
}

fn names(found: &Given<Vec<String>>) -> Names {
    Names {
        items: found.good.answer.clone(),
        degraded: degraded(found),
    }
}

fn degraded<T>(given: &Given<T>) -> Vec<Degraded> {
    given.degraded.iter().map(Into::into).collect()
}

fn desk(traces: Traces) -> Result<TraceDesk, ApiError> {
    let none = || SourceError::Unavailable {
        source_name: "traces".into(),
        reason: "this console has no source of traces: name one in its settings".into(),
    };
    Ok(traces.ok_or_else(none)?)
}

fn parse(query: &TracesQuery, caller: &Caller, now: Timestamp) -> Result<TraceQuery, ApiError> {
    let bad = |text: String| Err(ApiError::BadParameter(text));
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return bad(format!("`limit` is from 1 to {MAX_LIMIT}"));
    }
    let to = query.to.as_deref().map(parse_time).transpose()?;
    let to = to.unwrap_or_else(|| now.minus(SETTLED));
    let from = match (&query.from, &query.window) {
        (Some(_), Some(_)) => return bad("`from` and `window` say the same: give one of them".into()),
        (Some(from), None) => parse_time(from)?,
        (None, Some(window)) => to.minus(parse_window(Some(window))?.duration()),
        (None, None) => to.minus(WINDOW),
    };
    if from >= to {
        return bad("`from` must be before `to`".into());
    }
    let duration = |name: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => parse_duration(text).map(Some).ok_or_else(|| {
            ApiError::BadParameter(format!(
                "`{name}`: `{text}` is no duration such as 400ms, 1.5s or 20us"
            ))
        }),
    };
    let (min, max) = (duration("min", &query.min)?, duration("max", &query.max)?);
    if min > max && max.is_some() {
        return bad("`min` is longer than `max`".into());
    }
    let cursor = query.cursor.as_deref().map(|text| {
        let parsed = text.parse();
        parsed.map_err(|()| ApiError::BadParameter("`cursor` must be the `next` of a page before".into()))
    });
    for (name, text) in [
        ("service", &query.service),
        ("operation", &query.operation),
        ("workload", &query.workload),
    ] {
        if text
            .as_ref()
            .is_some_and(|text| text.is_empty() || text.len() > MAX_TEXT)
        {
            return bad(format!("`{name}` is empty or too long"));
        }
    }
    let namespaces = caller.readable(query.namespaces.as_deref())?;
    Ok(TraceQuery {
        scope: caller.scope().clone(),
        filter: TraceFilter {
            service: query.service.clone(),
            operation: query.operation.clone(),
            namespaces: namespaces.map(|names| names.into_iter().collect()),
            workload: query.workload.as_deref().map(Into::into),
            min_duration: min,
            max_duration: max,
            error: query.error,
            tags: parse_tags(query.tags.as_deref())?,
        },
        from,
        to,
        limit,
        after: cursor.transpose()?,
    })
}

fn parse_tags(text: Option<&str>) -> Result<Vec<(String, String)>, ApiError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let tags: BTreeMap<String, String> = serde_json::from_str(text).map_err(|error| {
        ApiError::BadParameter(format!(
            "`tags` is an object of texts in JSON, such as {{\"http.status_code\":\"503\"}}: {error}"
        ))
    })?;
    if tags.len() > MAX_TAGS {
        return Err(ApiError::BadParameter(format!(
            "`tags` has at most {MAX_TAGS} conditions"
        )));
    }
    Ok(tags.into_iter().collect())
}

/// A number with one of the units `us`, `ms`, `s`, `m`: what people say of a span.
fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * unit).ok()
}

fn item(summary: &TraceSummary) -> TraceItem {
    TraceItem {
        id: summary.id.to_string(),
        service: summary.service.to_string(),
        name: summary.name.to_string(),
        namespace: summary.workload.namespace.as_ref().map(ToString::to_string),
        workload: summary.workload.workload.as_ref().map(ToString::to_string),
        rooted: summary.rooted,
        status_code: summary.status_code,
        start: format_time(Timestamp(
            i64::try_from(summary.start_ns / 1_000_000).unwrap_or(i64::MAX),
        )),
        duration_ms: millis(summary.duration_ns),
        spans: summary.spans,
        errors: summary.errors,
        flags: summary.flags.clone(),
        services: summary
            .services
            .iter()
            .map(|service| TraceService {
                name: service.name.to_string(),
                spans: service.spans,
                errors: service.errors,
            })
            .collect(),
        withheld: summary.withheld,
    }
}

fn span_body(span: &Span, start_ns: u64) -> SpanBody {
    SpanBody {
        id: span.id.to_string(),
        parent: span.parent.map(|parent| parent.to_string()),
        name: span.name.to_string(),
        kind: match span.kind {
            SpanKind::Unknown => "unknown",
            SpanKind::Internal => "internal",
            SpanKind::Server => "server",
            SpanKind::Client => "client",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
        }
        .into(),
        service: span.service.to_string(),
        namespace: span.workload.namespace.as_ref().map(ToString::to_string),
        workload: span.workload.workload.as_ref().map(ToString::to_string),
        app: span.workload.app.as_ref().map(ToString::to_string),
        version: span.workload.version.as_ref().map(ToString::to_string),
        offset_ms: millis(span.start_ns.saturating_sub(start_ns)),
        duration_ms: millis(span.duration_ns),
        status: match span.status {
            SpanStatus::Unset => "unset",
            SpanStatus::Ok => "ok",
            SpanStatus::Error => "error",
        }
        .into(),
        error: span.is_error(),
        message: span.message.as_ref().map(ToString::to_string),
        tags: tags(&span.tags),
        events: span
            .events
            .iter()
            .map(|event| SpanEventBody {
                offset_ms: (event.at_ns.wrapping_sub(start_ns)).cast_signed() as f64 / 1e6,
                name: event.name.to_string(),
                tags: tags(&event.tags),
            })
            .collect(),
        links: span
            .links
            .iter()
            .map(|link| SpanLinkBody {
                trace: link.trace.to_string(),
                span: link.span.to_string(),
            })
            .collect(),
        dropped: span.dropped,
    }
}

fn tags(tags: &[Tag]) -> BTreeMap<String, serde_json::Value> {
    let mut map = BTreeMap::new();
    for tag in tags {
        let value = match &tag.value {
            TagValue::Text(text) => text.as_ref().into(),
            TagValue::Bool(value) => (*value).into(),
            TagValue::Int(value) => (*value).into(),
            TagValue::Float(value) => (*value).into(),
        };
        map.entry(tag.key.to_string()).or_insert(value);
    }
    map
}

fn millis(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut TracesQuery)) -> Result<TraceQuery, String> {
        let mut query = TracesQuery::default();
        change(&mut query);
        parse(&query, &Caller::all(), Timestamp(10_000_000)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_last_hour_is_searched_unless_told_otherwise() {
        let query = check(|_| ()).unwrap();
        assert_eq!(
            (query.from, query.to, query.limit),
            (Timestamp(6_397_000), Timestamp(9_997_000), LIMIT)
        );
        let query = check(|q| {
            q.min = Some("1.5s".into());
            q.tags = Some(r#"{"http.status_code":"503"}"#.into());
            q.window = Some("5m".into());
        })
        .unwrap();
        assert_eq!(query.filter.min_duration, Some(Duration::from_millis(1500)));
        assert_eq!(
            query.filter.tags,
            [("http.status_code".to_owned(), "503".to_owned())]
        );
        assert_eq!(query.from, Timestamp(9_697_000));
    }

    #[test]
    fn a_wrong_value_is_named() {
        assert!(
            check(|q| q.min = Some("fast".into()))
                .unwrap_err()
                .contains("`fast`")
        );
        assert!(
            check(|q| q.max = Some("-1s".into()))
                .unwrap_err()
                .contains("`max`")
        );
        assert!(
            check(|q| q.tags = Some("error".into()))
                .unwrap_err()
                .contains("`tags`")
        );
        assert!(check(|q| q.limit = Some(201)).unwrap_err().contains("200"));
        assert!(
            check(|q| q.cursor = Some("7".into()))
                .unwrap_err()
                .contains("`cursor`")
        );
        assert!(
            check(|q| q.service = Some(String::new()))
                .unwrap_err()
                .contains("`service`")
        );
        assert!(
            check(|q| {
                q.min = Some("2s".into());
                q.max = Some("1s".into());
            })
            .unwrap_err()
            .contains("longer")
        );
        assert!(
            check(|q| {
                q.from = Some("2026-11-23T14:32:00Z".into());
                q.window = Some("1h".into());
            })
            .unwrap_err()
            .contains("one of them")
        );
    }
}
