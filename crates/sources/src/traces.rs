//! Traces: what is asked, what comes back, and the trait behind which they lie.
//!
//! A question is about spans: a trace is found when one of its spans that the caller may read meets every condition at
//! once. [`TraceQuery::matches`] is what that means; sources may find candidates in their own ways.

#[cfg(any(test, feature = "fakes"))]
pub mod contract;
mod cut;
mod id;
mod identity;
pub mod otlp;
mod query;
mod span;
mod summary;
pub mod zipkin;

use async_trait::async_trait;
use vigla_model::Scope;

pub use cut::Limits;
pub use id::{BadId, SpanId, TraceId};
pub use identity::identity_of;
pub use query::{MAX_LIMIT, TraceCursor, TraceFilter, TraceQuery};
pub use span::{Span, SpanEvent, SpanKind, SpanLink, SpanStatus, Tag, TagValue, Trace};
pub use summary::{ServiceShare, TracePage, TraceSummary};

use crate::SourceError;

/// What a source can do; pages hide what it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceCapabilities {
    /// Traces can be searched without naming a service.
    pub any_service: bool,
    /// Every trace that was found counts towards the limit: a page is full as long as there are more. Otherwise the
    /// source finds by less than was asked, and the rest is decided here over a bounded number of traces.
    pub exact: bool,
}

/// Brings traces.
#[async_trait]
pub trait TraceSource: Send + Sync {
    /// Name for people, such as `embedded traces`.
    fn name(&self) -> &str;

    /// What it can do.
    fn capabilities(&self) -> TraceCapabilities;

    /// Traces that meet the conditions, newest first.
    ///
    /// # Errors
    /// When the source cannot answer.
    async fn search(&self, query: &TraceQuery) -> Result<TracePage, SourceError>;

    /// One trace whole, whoever may read what in it; `None` when the source does not know it.
    ///
    /// # Errors
    /// When the source cannot answer.
    async fn trace(&self, id: TraceId) -> Result<Option<Trace>, SourceError>;

    /// Services that have spans which the caller may read, in order of their names.
    ///
    /// # Errors
    /// When the source cannot answer.
    async fn services(&self, scope: &Scope) -> Result<Vec<String>, SourceError>;

    /// Operations of a service, in order of their names.
    ///
    /// # Errors
    /// When the source cannot answer.
    async fn operations(&self, scope: &Scope, service: &str) -> Result<Vec<String>, SourceError>;
}
