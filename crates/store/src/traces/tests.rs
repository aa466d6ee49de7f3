use proptest::prelude::*;
use vigla_sources::traces::{
    SpanId, SpanKind, SpanStatus, Tag, TagValue, TraceCursor, TraceFilter, TraceSummary, contract, otlp,
};

use super::*;

const NOW: Timestamp = Timestamp(contract::START.0 + 60_000);

fn span(id: u64, start_ms: u64, took_ms: u64) -> Span {
    Span {
        id: SpanId::new(id).unwrap(),
        parent: None,
        name: "GET /".into(),
        kind: SpanKind::Server,
        start_ns: start_ms * 1_000_000,
        duration_ns: took_ms * 1_000_000,
        service: "web".into(),
        workload: vigla_model::PeerIdentity::default(),
        tags: Vec::new(),
        status: SpanStatus::Unset,
        message: None,
        events: Vec::new(),
        links: Vec::new(),
        dropped: 0,
    }
}

fn trace_id(number: u64) -> TraceId {
    TraceId::new(number.into()).unwrap()
}

fn take(store: &TraceStore, spans: Vec<(u64, Span)>) -> Taken {
    let spans = spans.into_iter().map(|(id, span)| (trace_id(id), span)).collect();
    let decoded = Decoded {
        spans,
        ..Decoded::default()
    };
    store.take(NOW, decoded)
}

fn question(filter: TraceFilter) -> TraceQuery {
    TraceQuery {
        filter,
        from: Timestamp(0),
        to: NOW,
        ..contract::all()
    }
}

#[tokio::test]
async fn the_store_does_what_every_trace_source_does() {
    let store = TraceStore::new(TraceSettings::default());
    let limits = store.settings().span;
    // Spans of one trace come from several sidecars, in several batches.
    for batch in contract::batches() {
        store.take(NOW, otlp::decode(vec![batch], &limits));
    }
    contract::check(&store).await;
}

#[test]
fn the_oldest_traces_go_whole_when_there_are_too_many() {
    let store = TraceStore::new(TraceSettings {
        traces: 3,
        ..TraceSettings::default()
    });
    for number in 1..=5 {
        take(
            &store,
            vec![
                (number, span(1, number * 1000, 1)),
                (number, span(2, number * 1000, 1)),
            ],
        );
    }
    let found = store.find(&question(TraceFilter::default()));
    let ids: Vec<_> = found.items.iter().map(|item| item.id.get()).collect();
    assert_eq!(ids, [5, 4, 3]);
    let status = store.status();
    assert_eq!(
        (status.traces, status.spans, status.evicted, status.received),
        (3, 6, 2, 10)
    );
}

#[test]
fn bytes_stay_under_the_bound_whatever_comes() {
    let settings = TraceSettings {
        bytes: 300_000,
        ..TraceSettings::default()
    };
    let store = TraceStore::new(settings);
    for number in 1..=3000 {
        let mut span = span(1, number, 1);
        span.tags = (0..20)
            .map(|tag| Tag {
                key: format!("key{tag}").as_str().into(),
                value: TagValue::Text(format!("value {number} {tag}").as_str().into()),
            })
            .collect();
        take(&store, vec![(number, span)]);
        let bytes = store.status().bytes;
        assert!(bytes <= settings.bytes, "{bytes} after {number}");
    }
    let status = store.status();
    assert!(status.traces > 50, "{status:?}");
}

#[test]
fn late_spans_join_their_trace_and_retried_ones_count_once() {
    let store = TraceStore::new(TraceSettings::default());
    take(&store, vec![(1, span(2, 2000, 10))]);
    take(&store, vec![(2, span(1, 3000, 10))]);
    // Its root comes last and starts first: the trace moves in the order.
    let taken = take(&store, vec![(1, span(1, 1000, 5000)), (1, span(2, 2000, 10))]);
    assert_eq!(taken.kept, 2);
    let page = store.find(&question(TraceFilter::default()));
    let order: Vec<_> = page
        .items
        .iter()
        .map(|item| (item.id.get(), item.spans))
        .collect();
    assert_eq!(order, [(2, 1), (1, 2)]);
    assert_eq!(page.items[1].duration_ns, 5_000_000_000);
}

#[test]
fn what_cannot_be_kept_is_counted_with_its_reason() {
    let store = TraceStore::new(TraceSettings {
        spans_of_trace: 2,
        ..TraceSettings::default()
    });
    let taken = take(&store, (1..=5).map(|id| (1, span(id, 1000, 1))).collect());
    assert_eq!((taken.kept, taken.rejected), (2, 3));
    assert_eq!(taken.reason, Some("a trace has more spans than are kept of one"));
    let ahead = take(&store, vec![(2, span(1, NOW.0.unsigned_abs() + 7_200_000, 1))]);
    assert_eq!((ahead.kept, ahead.rejected), (0, 1));
    assert_eq!(store.status().rejected, 4);
}

/// Few values, so that conditions are often met.
fn spans() -> impl Strategy<Value = Vec<(u64, Span)>> {
    let word = prop::sample::select(vec!["a", "b", "c"]);
    let tag = (
        word.clone(),
        prop_oneof![
            word.clone().prop_map(|text| TagValue::Text(text.into())),
            (0i64..3).prop_map(TagValue::Int),
            any::<bool>().prop_map(TagValue::Bool),
            (0..3).prop_map(|n| TagValue::Float(f64::from(n) / 2.0)),
        ],
    );
    let one = (
        (1..6u64, 1..20u64, 0..4000u64, 0..50u64),
        (
            word.clone(),
            word.clone(),
            prop::option::of(word.clone()),
            prop::option::of(word),
        ),
        (any::<bool>(), prop::collection::vec(tag, 0..4)),
    );
    let one = one.prop_map(
        |((trace, id, start, took), (service, name, namespace, workload), (failed, tags))| {
            let mut span = span(id, start, took);
            span.service = service.into();
            span.name = name.into();
            span.workload.namespace = namespace.map(Into::into);
            span.workload.workload = workload.map(Into::into);
            span.parent = SpanId::new(id / 2);
            span.status = if failed {
                SpanStatus::Error
            } else {
                SpanStatus::Unset
            };
            span.tags = tags
                .into_iter()
                .map(|(key, value)| Tag {
                    key: key.into(),
                    value,
                })
                .collect();
            (trace, span)
        },
    );
    prop::collection::vec(one, 0..40)
}

fn filters() -> impl Strategy<Value = TraceQuery> {
    let word = prop::sample::select(vec!["a", "b", "c", "0", "1", "true", "0.5"]);
    let name = prop::option::of(word.clone());
    let time = prop::option::of((0..50u64).prop_map(Duration::from_millis));
    (
        (name.clone(), name.clone(), name.clone(), name),
        (time.clone(), time, prop::option::of(any::<bool>())),
        prop::option::of((word.clone(), word)),
        (0..4000i64, 1..4000i64, 1..4usize, any::<bool>()),
    )
        .prop_map(
            |(names, (min, max, error), tag, (from, length, limit, all))| TraceQuery {
                scope: if all {
                    Scope::All
                } else {
                    Scope::Namespaces(["a".into()].into())
                },
                filter: TraceFilter {
                    service: names.0.map(Into::into),
                    operation: names.1.map(Into::into),
                    namespaces: names.2.map(|name| vec![name.into()]),
                    workload: names.3.map(Into::into),
                    min_duration: min,
                    max_duration: max,
                    error,
                    tags: tag
                        .map(|(key, value)| (key.to_owned(), value.to_owned()))
                        .into_iter()
                        .collect(),
                },
                from: Timestamp(from),
                to: Timestamp(from + length),
                limit,
                after: None,
            },
        )
}

proptest! {
    /// Terms, numbers of texts and rows are ways to the answer; what the answer is, the spans alone say.
    #[test]
    fn a_search_finds_what_a_look_at_every_span_finds(spans in spans(), mut query in filters()) {
        let store = TraceStore::new(TraceSettings::default());
        for batch in spans.chunks(7) {
            take(&store, batch.to_vec());
        }
        let mut traces: Vec<Trace> = Vec::new();
        for number in 1..6 {
            let mut of_trace: Vec<Span> = Vec::new();
            for (_, span) in spans.iter().filter(|(trace, _)| *trace == number) {
                if !of_trace.iter().any(|known| known.id == span.id) {
                    of_trace.push(span.clone());
                }
            }
            if !of_trace.is_empty() {
                traces.push(Trace::new(trace_id(number), of_trace));
            }
        }
        for trace in &traces {
            let inner = store.inner.read().unwrap();
            let kept = inner.shelf.trace(trace.id);
            prop_assert_eq!(kept.as_ref(), Some(trace));
        }
        traces.retain(|trace| query.matches(trace));
        traces.sort_by_key(|trace| std::cmp::Reverse(TraceCursor { start_ns: trace.start_ns(), id: trace.id }));
        let expect: Vec<_> = traces
            .into_iter()
            .filter_map(|trace| TraceSummary::of(&trace.only(&query.scope)?))
            .collect();
        let mut found = Vec::new();
        loop {
            let page = store.find(&query);
            prop_assert!(page.items.len() <= query.limit);
            found.extend(page.items);
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        prop_assert_eq!(found, expect);
    }
}
