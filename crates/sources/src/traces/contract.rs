//! What every trace source must do, as one suite over a prepared set of traces (tests, and feature `fakes`).
//!
//! [`batches`] is what a source is filled with, through OTLP; [`check`] asks it.

use std::time::Duration;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span as OtlpSpan, Status, span},
};
use vigla_model::{Namespace, Scope, Timestamp};

use super::{SpanKind, SpanStatus, TagValue, TraceFilter, TraceId, TraceQuery, TraceSource};

/// Start of the prepared traces: one each second from here on.
pub const START: Timestamp = Timestamp(1_795_000_000_000);
/// How many there are.
const TRACES: u64 = 9;

/// Nine traces: a page of bookinfo each second; every third is slow and fails in `ratings`; the last calls from `shop`
/// into `payments`.
pub fn batches() -> Vec<ResourceSpans> {
    let of = |service: &str, namespace: &str, spans: Vec<OtlpSpan>| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![
                text("service.name", &format!("{service}.{namespace}")),
                text("k8s.namespace.name", namespace),
                text("k8s.deployment.name", &format!("{service}-v1")),
            ],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    };
    let pages = 1..TRACES;
    let failing = |number: u64| number.is_multiple_of(3);
    let page = pages.clone().map(|number| {
        let mut span = span(
            number,
            (1, None),
            "GET /productpage",
            span::SpanKind::Server,
            0,
            100 + number,
        );
        span.attributes = vec![
            int("http.status_code", 200),
            text("guid:x-request-id", &format!("request-{number}")),
        ];
        span.events = vec![span::Event {
            time_unix_nano: span.start_time_unix_nano + 1_000_000,
            name: "rendered".into(),
            attributes: vec![int("bytes", 5183)],
            ..span::Event::default()
        }];
        span
    });
    let call = pages.clone().map(|number| {
        let mut span = span(
            number,
            (2, Some(1)),
            "reviews:9080/*",
            span::SpanKind::Client,
            10,
            50,
        );
        span.attributes = vec![text("response_flags", if failing(number) { "UT" } else { "-" })];
        span
    });
    let rate = pages.map(|number| {
        let took = if failing(number) { 900 } else { 5 };
        let mut span = span(
            number,
            (3, Some(2)),
            "GET /ratings",
            span::SpanKind::Server,
            20,
            took,
        );
        let code = if failing(number) { 500 } else { 200 };
        span.attributes = vec![int("http.status_code", code)];
        span.status = failing(number).then(|| Status {
            message: "no stars".into(),
            code: 2,
        });
        span
    });
    let mut buy = span(TRACES, (1, None), "POST /checkout", span::SpanKind::Server, 0, 40);
    buy.links = vec![span::Link {
        trace_id: id(1).to_be_bytes().to_vec(),
        span_id: 1u64.to_be_bytes().to_vec(),
        ..span::Link::default()
    }];
    let pay = span(
        TRACES,
        (2, Some(1)),
        "POST /charge",
        span::SpanKind::Server,
        5,
        30,
    );
    vec![
        of("productpage", "bookinfo", page.chain(call).collect()),
        of("ratings", "bookinfo", rate.collect()),
        of("checkout", "shop", vec![buy]),
        of("fraud", "payments", vec![pay]),
    ]
}

/// Ids with a first digit that is not zero, as generators make them.
fn id(number: u64) -> u128 {
    0xa000_0000_0000_0000_0000_0000_0000_0000 | u128::from(number)
}

fn span(
    number: u64,
    (own, parent): (u64, Option<u64>),
    name: &str,
    kind: span::SpanKind,
    after_ms: u64,
    took_ms: u64,
) -> OtlpSpan {
    let start = START.millis().unsigned_abs() + number * 1000 + after_ms;
    OtlpSpan {
        trace_id: id(number).to_be_bytes().to_vec(),
        span_id: own.to_be_bytes().to_vec(),
        parent_span_id: parent
            .map(|parent| parent.to_be_bytes().to_vec())
            .unwrap_or_default(),
        name: name.into(),
        kind: kind.into(),
        start_time_unix_nano: start * 1_000_000,
        end_time_unix_nano: (start + took_ms) * 1_000_000,
        ..OtlpSpan::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// A question for all that there is.
pub fn all() -> TraceQuery {
    TraceQuery {
        scope: Scope::All,
        filter: TraceFilter::default(),
        from: START,
        to: START.plus(Duration::from_secs(60)),
        limit: 20,
        after: None,
    }
}

/// Asks a source that holds [`batches`] all that a source is asked.
///
/// # Panics
/// When it answers otherwise than it should.
pub async fn check(source: &dyn TraceSource) {
    lists(source).await;
    searches(source).await;
    pages(source).await;
    scopes(source).await;
    one_trace(source).await;
}

fn only(namespaces: &[&str]) -> Scope {
    Scope::Namespaces(namespaces.iter().map(|name| Namespace::new(*name)).collect())
}

async fn lists(source: &dyn TraceSource) {
    let services = source.services(&Scope::All).await.expect("services");
    let expect = [
        "checkout.shop",
        "fraud.payments",
        "productpage.bookinfo",
        "ratings.bookinfo",
    ];
    assert_eq!(services, expect);
    assert_eq!(
        source.services(&only(&["shop"])).await.expect("services"),
        ["checkout.shop"]
    );
    let operations = source.operations(&Scope::All, "productpage.bookinfo").await;
    assert_eq!(
        operations.expect("operations"),
        ["GET /productpage", "reviews:9080/*"]
    );
    let hidden = source.operations(&only(&["shop"]), "fraud.payments").await;
    assert_eq!(hidden.expect("operations"), [""; 0]);
}

/// Numbers of the traces that are found, newest first.
async fn find(source: &dyn TraceSource, query: &TraceQuery) -> Vec<u64> {
    let page = source.search(query).await.expect("an answer");
    page.items.iter().map(|item| item.id.get() as u64).collect()
}

async fn searches(source: &dyn TraceSource) {
    type Change = fn(&mut TraceQuery);
    let cases: [(&str, Change, &[u64]); 15] = [
        ("service", |_| (), &[8, 7, 6, 5, 4, 3, 2, 1]),
        (
            "another",
            |q| q.filter.service = Some("fraud.payments".into()),
            &[9],
        ),
        ("unknown", |q| q.filter.service = Some("nobody".into()), &[]),
        (
            "operation",
            |q| q.filter.operation = Some("reviews:9080/*".into()),
            &[8, 7, 6, 5, 4, 3, 2, 1],
        ),
        (
            "of another service",
            |q| q.filter.operation = Some("GET /ratings".into()),
            &[],
        ),
        (
            "min",
            |q| q.filter.min_duration = Some(Duration::from_millis(106)),
            &[8, 7, 6],
        ),
        (
            "max",
            |q| {
                q.filter.operation = Some("GET /productpage".into());
                q.filter.max_duration = Some(Duration::from_millis(102));
            },
            &[2, 1],
        ),
        (
            "error",
            |q| {
                q.filter.service = Some("ratings.bookinfo".into());
                q.filter.error = Some(true);
            },
            &[6, 3],
        ),
        (
            "no error",
            |q| {
                q.filter.service = Some("ratings.bookinfo".into());
                q.filter.error = Some(false);
            },
            &[8, 7, 5, 4, 2, 1],
        ),
        (
            "tag",
            |q| {
                q.filter.service = Some("ratings.bookinfo".into());
                q.filter.tags = vec![("http.status_code".into(), "500".into())];
            },
            &[6, 3],
        ),
        (
            "unique tag",
            |q| q.filter.tags = vec![("guid:x-request-id".into(), "request-5".into())],
            &[5],
        ),
        (
            "time",
            |q| {
                q.from = START.plus(Duration::from_millis(3000));
                q.to = START.plus(Duration::from_millis(5000));
            },
            &[4, 3],
        ),
        (
            "workload",
            |q| q.filter.workload = Some("productpage-v1".into()),
            &[8, 7, 6, 5, 4, 3, 2, 1],
        ),
        (
            "namespace",
            |q| q.filter.namespaces = Some(vec!["shop".into()]),
            &[],
        ),
        ("limit", |q| q.limit = 2, &[8, 7]),
    ];
    for (what, change, expect) in cases {
        let mut query = all();
        query.filter.service = Some("productpage.bookinfo".into());
        change(&mut query);
        assert_eq!(find(source, &query).await, expect, "{what}");
    }
    if source.capabilities().any_service {
        assert_eq!(find(source, &all()).await, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
        let mut query = all();
        query.filter.error = Some(true);
        query.filter.namespaces = Some(vec!["bookinfo".into()]);
        assert_eq!(find(source, &query).await, [6, 3]);
    }
}

async fn pages(source: &dyn TraceSource) {
    let mut query = all();
    query.filter.service = Some("productpage.bookinfo".into());
    query.limit = 3;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let page = source.search(&query).await.expect("an answer");
        seen.extend(page.items.iter().map(|item| item.id.get() as u64));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(
        seen,
        [8, 7, 6, 5, 4, 3, 2, 1],
        "every trace on one page, and an end"
    );
    assert_eq!(query.after, None);
}

async fn scopes(source: &dyn TraceSource) {
    let mut query = all();
    query.scope = only(&["shop"]);
    query.filter.service = Some("checkout.shop".into());
    let page = source.search(&query).await.expect("an answer");
    let item = &page.items[0];
    assert_eq!((item.spans, item.withheld, item.services.len()), (1, 1, 1));
    query.filter.service = Some("fraud.payments".into());
    assert_eq!(
        find(source, &query).await,
        [0u64; 0],
        "conditions are not met by what may not be read"
    );
}

async fn one_trace(source: &dyn TraceSource) {
    let wanted = TraceId::new(id(3)).expect("it is not zero");
    let trace = source
        .trace(wanted)
        .await
        .expect("an answer")
        .expect("it is there");
    assert_eq!(
        (trace.id, trace.spans.len(), trace.withheld, trace.dropped),
        (wanted, 3, 0, 0)
    );
    let [page, call, rate] = trace.spans.as_slice() else {
        panic!("three spans in order of start")
    };
    assert_eq!(
        (page.parent, call.parent, rate.parent),
        (None, Some(page.id), Some(call.id))
    );
    assert_eq!((page.kind, call.kind), (SpanKind::Server, SpanKind::Client));
    assert_eq!(page.start_ns, (START.millis().unsigned_abs() + 3000) * 1_000_000);
    assert_eq!((page.duration_ns, rate.duration_ns), (103_000_000, 900_000_000));
    assert_eq!(
        (&*rate.service, &*rate.name),
        ("ratings.bookinfo", "GET /ratings")
    );
    assert_eq!(rate.workload.namespace, Some("bookinfo".into()));
    assert_eq!(rate.workload.workload, Some("ratings-v1".into()));
    assert_eq!(
        (rate.status, rate.is_error(), page.is_error()),
        (SpanStatus::Error, true, false)
    );
    assert_eq!(rate.message.as_deref(), Some("no stars"));
    assert_eq!(rate.tag("http.status_code"), Some(&TagValue::Int(500)));
    assert_eq!(page.events[0].name.as_ref(), "rendered");
    assert_eq!(page.events[0].tags[0].value, TagValue::Int(5183));
    let last = TraceId::new(id(TRACES)).expect("it is not zero");
    let last = source.trace(last).await.expect("an answer").expect("it is there");
    assert_eq!(last.spans[0].links.len(), 1);
    assert_eq!(last.spans[0].links[0].trace.get(), id(1));
    let part = last.only(&only(&["shop"])).expect("a part");
    assert_eq!((part.spans.len(), part.withheld), (1, 1));
    let nobody = TraceId::new(id(77)).expect("it is not zero");
    assert_eq!(source.trace(nobody).await, Ok(None));
}
