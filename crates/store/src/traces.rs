//! The embedded trace store: keeps the newest traces up to a bound and finds them by what their spans say.
//!
//! Traces go whole, the first that came first. Spans that come late join their trace as long as it is there.

mod dictionary;
mod receiver;
mod record;
mod row;
mod shelf;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use vigla_model::{Scope, Timestamp};
use vigla_sources::{
    SourceError,
    traces::{
        Limits, Span, Trace, TraceCapabilities, TraceId, TracePage, TraceQuery, TraceSource, otlp::Decoded,
    },
};

pub use receiver::{ReceiverError, bind_receiver, run_receiver};
use shelf::Shelf;

/// Name of the source for people.
const NAME: &str = "embedded traces";
/// Clocks of one mesh differ by seconds; a span from further ahead would be the newest for ever.
const MAX_AHEAD: Duration = Duration::from_secs(3600);

/// Bounds of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceSettings {
    /// Traces kept.
    pub traces: usize,
    /// Bytes of all that is kept.
    pub bytes: usize,
    /// Spans of one trace; a page of the demo makes some 20, a batch job thousands.
    pub spans_of_trace: usize,
    /// Bounds of one span.
    pub span: Limits,
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            traces: 10_000,
            bytes: 32 << 20,
            spans_of_trace: 5_000,
            span: Limits::default(),
        }
    }
}

/// What became of some spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Spans that are kept, or were there already.
    pub kept: usize,
    /// Spans that are not.
    pub rejected: usize,
    /// Why the first of these is not.
    pub reason: Option<&'static str>,
}

/// State of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceStatus {
    /// Traces kept.
    pub traces: usize,
    /// Their spans.
    pub spans: usize,
    /// Bytes that they take.
    pub bytes: usize,
    /// Start of the newest trace.
    pub newest: Option<Timestamp>,
    /// Traces that went to make room, since the start.
    pub evicted: u64,
    /// Spans that came in and were kept, since the start.
    pub received: u64,
    /// Spans that came in and could not be kept, since the start.
    pub rejected: u64,
    /// Why the last of these could not.
    pub last_reason: Option<&'static str>,
    /// Requests of exporters that were taken, in part or whole, since the start.
    pub requests: u64,
    /// Requests that were refused whole, since the start.
    pub refused: u64,
    /// Why the last of these was.
    pub last_refusal: Option<String>,
}

/// The embedded trace store. A handle: clones share it.
#[derive(Debug, Clone)]
pub struct TraceStore {
    settings: TraceSettings,
    inner: Arc<RwLock<Inner>>,
}

#[derive(Debug)]
struct Inner {
    shelf: Shelf,
    received: u64,
    rejected: u64,
    last_reason: Option<&'static str>,
    requests: u64,
    refused: u64,
    last_refusal: Option<String>,
}

impl TraceStore {
    /// An empty store.
    pub fn new(settings: TraceSettings) -> Self {
        Self {
            settings,
            inner: Arc::new(RwLock::new(Inner {
                shelf: Shelf::new(settings),
                received: 0,
                rejected: 0,
                last_reason: None,
                requests: 0,
                refused: 0,
                last_refusal: None,
            })),
        }
    }

    /// Bounds.
    pub fn settings(&self) -> &TraceSettings {
        &self.settings
    }

    /// Takes spans in, as far as the bounds go.
    pub fn take(&self, now: Timestamp, decoded: Decoded) -> Taken {
        let mut taken = Taken {
            kept: 0,
            rejected: decoded.rejected,
            reason: decoded.reason,
        };
        let ahead = u64::try_from(now.plus(MAX_AHEAD).millis())
            .unwrap_or(0)
            .saturating_mul(1_000_000);
        let mut spans = decoded.spans;
        let before = spans.len();
        spans.retain(|(_, span)| span.start_ns <= ahead);
        if spans.len() < before {
            taken.rejected += before - spans.len();
            taken
                .reason
                .get_or_insert("a span starts more than an hour from now");
        }
        // A batch holds spans of several traces, mixed.
        spans.sort_by_key(|(id, _)| *id);
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        for of_trace in spans.chunk_by(|(one, _), (other, _)| one == other) {
            let id = of_trace[0].0;
            let of_trace: Vec<&Span> = of_trace.iter().map(|(_, span)| span).collect();
            let (_, dropped) = inner.shelf.take(id, &of_trace);
            taken.kept += of_trace.len() - dropped;
            if dropped > 0 {
                taken.rejected += dropped;
                taken
                    .reason
                    .get_or_insert("a trace has more spans than are kept of one");
            }
        }
        inner.received += taken.kept as u64;
        inner.rejected += taken.rejected as u64;
        inner.last_reason = taken.reason.or(inner.last_reason);
        taken
    }

    /// State and counts.
    pub fn status(&self) -> TraceStatus {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let shelf = &inner.shelf;
        let newest = shelf
            .newest_ns()
            .map(|ns| i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX));
        TraceStatus {
            traces: shelf.traces(),
            spans: shelf.spans,
            bytes: shelf.bytes(),
            newest: newest.map(Timestamp),
            evicted: shelf.evicted,
            received: inner.received,
            rejected: inner.rejected,
            last_reason: inner.last_reason,
            requests: inner.requests,
            refused: inner.refused,
            last_refusal: inner.last_refusal.clone(),
        }
    }

    /// Counts a request of an exporter that could be read.
    fn note_request(&self) {
        self.inner
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .requests += 1;
    }

    /// Counts a request of an exporter that was refused whole.
    fn note_refusal(&self, reason: &str) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.refused += 1;
        inner.last_refusal = Some(reason.to_owned());
    }

    /// As [`TraceSource::search`], on this thread: a hundred milliseconds at a million spans.
    pub fn find(&self, query: &TraceQuery) -> TracePage {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .shelf
            .search(query)
    }

    /// Looks things up where it does not hold up other tasks of the runtime.
    async fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shelf) -> T + Send + 'static,
    ) -> Result<T, SourceError> {
        let inner = self.inner.clone();
        let answer = tokio::task::spawn_blocking(move || {
            read(&inner.read().unwrap_or_else(PoisonError::into_inner).shelf)
        });
        answer.await.map_err(|error| SourceError::Unavailable {
            source_name: NAME.into(),
            reason: error.to_string(),
        })
    }
}

#[async_trait]
impl TraceSource for TraceStore {
    fn name(&self) -> &str {
        NAME
    }

    fn capabilities(&self) -> TraceCapabilities {
        TraceCapabilities {
            any_service: true,
            exact: true,
        }
    }

    async fn search(&self, query: &TraceQuery) -> Result<TracePage, SourceError> {
        let query = query.clone();
        self.ask(move |shelf| shelf.search(&query)).await
    }

    async fn trace(&self, id: TraceId) -> Result<Option<Trace>, SourceError> {
        self.ask(move |shelf| shelf.trace(id)).await
    }

    async fn services(&self, scope: &Scope) -> Result<Vec<String>, SourceError> {
        let scope = scope.clone();
        self.ask(move |shelf| shelf.names(&scope, None)).await
    }

    async fn operations(&self, scope: &Scope, service: &str) -> Result<Vec<String>, SourceError> {
        let (scope, service) = (scope.clone(), service.to_owned());
        self.ask(move |shelf| shelf.names(&scope, Some(&service))).await
    }
}

#[cfg(test)]
mod tests;
