//! The source of traces, and its last good answers for the time of its trouble.

use std::sync::Arc;

use vigla_model::Scope;
use vigla_sources::{
    SourceError,
    traces::{Trace, TraceId, TracePage, TraceQuery, TraceSource},
};

use crate::{
    last_good::{Given, LastGood},
    sources::SourceBoard,
};

/// Name of the source on the board.
pub const NAME: &str = "traces";
/// Of pages and of single traces so much is kept for the time of trouble: some hundred pages, some ten large traces.
const BYTES: u64 = 8 << 20;
/// What a trace of a page and a span take, with their texts.
const SUMMARY: usize = 1024;
const SPAN: usize = 1024;
/// What a name takes.
const WORD: usize = 64;

/// Asks the source of traces for the handlers. Cheap to clone.
#[derive(Clone)]
pub struct TraceDesk {
    source: Arc<dyn TraceSource>,
    board: SourceBoard,
    pages: LastGood<TracePage>,
    traces: LastGood<Option<Trace>>,
    names: LastGood<Vec<String>>,
}

impl TraceDesk {
    /// How each question goes is put on the board.
    pub fn new(source: Arc<dyn TraceSource>, board: SourceBoard) -> Self {
        Self {
            source,
            board,
            pages: LastGood::new(BYTES, |page| page.items.len() * SUMMARY),
            traces: LastGood::new(BYTES, |trace| {
                trace.as_ref().map_or(0, |trace| trace.spans.len() * SPAN)
            }),
            names: LastGood::new(BYTES / 8, |names| names.len() * WORD),
        }
    }

    /// The source.
    pub fn source(&self) -> &Arc<dyn TraceSource> {
        &self.source
    }

    /// A page of traces. `question` is what the caller asked, in words that stay the same while time goes on.
    ///
    /// # Errors
    /// When the source does not answer and has not answered this before.
    pub async fn search(&self, question: &str, query: TraceQuery) -> Result<Given<TracePage>, SourceError> {
        let key = format!("{:?} {question}", query.scope);
        let source = self.source.clone();
        let asked = async move { source.search(&query).await };
        self.pages
            .ask((&self.board, NAME), self.source.name(), key, asked)
            .await
    }

    /// One trace whole, whoever may read what in it.
    ///
    /// # Errors
    /// As [`TraceDesk::search`].
    pub async fn trace(&self, id: TraceId) -> Result<Given<Option<Trace>>, SourceError> {
        let source = self.source.clone();
        let asked = async move { source.trace(id).await };
        self.traces
            .ask((&self.board, NAME), self.source.name(), id.to_string(), asked)
            .await
    }

    /// Services that have spans which the caller may read.
    ///
    /// # Errors
    /// As [`TraceDesk::search`].
    pub async fn services(&self, scope: &Scope) -> Result<Given<Vec<String>>, SourceError> {
        let (source, scope) = (self.source.clone(), scope.clone());
        let key = format!("{scope:?} services");
        let asked = async move { source.services(&scope).await };
        self.names
            .ask((&self.board, NAME), self.source.name(), key, asked)
            .await
    }

    /// Operations of a service.
    ///
    /// # Errors
    /// As [`TraceDesk::search`].
    pub async fn operations(&self, scope: &Scope, service: &str) -> Result<Given<Vec<String>>, SourceError> {
        let (source, scope, service) = (self.source.clone(), scope.clone(), service.to_owned());
        let key = format!("{scope:?} operations of {service}");
        let asked = async move { source.operations(&scope, &service).await };
        self.names
            .ask((&self.board, NAME), self.source.name(), key, asked)
            .await
    }
}
