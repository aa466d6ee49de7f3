//! Jaeger: its API v3, or the older JSON of its own pages where a server has no v3.
//!
//! What Jaeger's storages mean by a condition differs from one to the other (some know no tag `error`, some pass over
//! tags). So it is asked for candidates, and [`TraceQuery::matches`] decides.

mod legacy;
mod v3;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::try_join_all;
use url::Url;
use vigla_model::Scope;

use crate::{
    SourceError,
    outbound::{Call, Outbound, OutboundError, OutboundSettings, SettingsError},
    traces::{
        Limits, Trace, TraceCapabilities, TraceCursor, TraceFilter, TraceId, TracePage, TraceQuery,
        TraceSource, TraceSummary,
    },
};

/// Bytes of an answer: some 15 000 spans, 200 traces of a large mesh.
const MAX_ANSWER: usize = 32 << 20;
/// Questions for one page at most: conditions that Jaeger does not judge may leave little of each answer.
const MAX_ROUNDS: usize = 5;
/// Traces of one question at most: more is what a person does not read and memory feels.
const MAX_CANDIDATES: usize = 200;
/// Services that are asked one by one where a server wants one named; as many requests as run at once.
const MAX_SERVICES: usize = 20;

/// Traces of a Jaeger server.
#[derive(Debug)]
pub struct JaegerSource {
    outbound: Outbound,
    limits: Limits,
    api: AtomicU8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    V3,
    Legacy,
}

const UNKNOWN: u8 = 0;
const V3: u8 = 1;
const LEGACY: u8 = 2;

impl JaegerSource {
    /// The usual bounds for a server at this address: that of its pages, such as `http://jaeger:16686/`.
    pub fn settings(url: Url) -> OutboundSettings {
        OutboundSettings {
            body: MAX_ANSWER,
            ..OutboundSettings::new("Jaeger", url)
        }
    }

    /// A source at this address. However large an answer the settings allow, no more is taken than spans are good for.
    ///
    /// # Errors
    /// When the address cannot be used or is not allowed, or a file cannot be read.
    pub fn open(settings: OutboundSettings) -> Result<Self, SettingsError> {
        let body = settings.body.min(MAX_ANSWER);
        Outbound::new(OutboundSettings { body, ..settings }).map(Self::new)
    }

    /// A source over this client. Nothing is asked yet; which API the server has is seen at the first question.
    pub fn new(outbound: Outbound) -> Self {
        Self {
            outbound,
            limits: Limits::default(),
            api: AtomicU8::new(UNKNOWN),
        }
    }

    /// Which API the server has: a server without v3 answers with 404, or with the page of its user interface.
    async fn api(&self) -> Result<Api, SourceError> {
        match self.api.load(Relaxed) {
            V3 => return Ok(Api::V3),
            LEGACY => return Ok(Api::Legacy),
            _ => (),
        }
        let newer = match self.fetch(v3::services()).await {
            Ok(body) => v3::read_services(&body).map(|_| ()),
            Err(error) => Err(error),
        };
        let Err(first) = newer else {
            self.api.store(V3, Relaxed);
            return Ok(Api::V3);
        };
        if !matches!(first, Trouble::Missing(_) | Trouble::Other(_)) {
            return Err(self.error(first));
        }
        // Whoever has neither is no Jaeger: what its newer API said is told.
        match self
            .fetch(legacy::services())
            .await
            .map(|body| legacy::read_names(&body))
        {
            Ok(Ok(_)) => {
                self.api.store(LEGACY, Relaxed);
                Ok(Api::Legacy)
            }
            Err(error @ Trouble::Source(_)) => Err(self.error(error)),
            _ => Err(self.error(first)),
        }
    }

    async fn fetch(&self, call: Call) -> Result<Bytes, Trouble> {
        self.outbound.fetch(call).await.map_err(|error| match error {
            OutboundError::Status { status: 404, text } => Trouble::Missing(text),
            other => Trouble::Source(other),
        })
    }

    fn error(&self, trouble: Trouble) -> SourceError {
        // The server may be another one by now.
        if matches!(trouble, Trouble::Missing(_) | Trouble::Other(_)) {
            self.api.store(UNKNOWN, Relaxed);
        }
        let source_name = self.outbound.name().to_owned();
        match trouble {
            Trouble::Missing(text) => SourceError::Malformed {
                source_name,
                reason: format!(
                    "it answers 404 ({text}): is {} the address of Jaeger's query service?",
                    self.outbound.url()
                ),
            },
            Trouble::Other(reason) => SourceError::Malformed { source_name, reason },
            Trouble::Source(error) => {
                let reason = error.to_string();
                match error {
                    OutboundError::Status {
                        status: 401 | 403, ..
                    }
                    | OutboundError::Secret(..) => SourceError::Denied { source_name, reason },
                    OutboundError::Status { status: 429, .. } => SourceError::TooMuch { source_name, reason },
                    OutboundError::TooLarge(_) => SourceError::TooMuch {
                        source_name,
                        reason: format!("{reason}: ask for fewer traces or a shorter time"),
                    },
                    OutboundError::Malformed(_) | OutboundError::Redirect { .. } => {
                        SourceError::Malformed { source_name, reason }
                    }
                    _ => SourceError::Unavailable { source_name, reason },
                }
            }
        }
    }

    /// Traces that could meet the conditions, and whether there may be more.
    async fn candidates(&self, query: &TraceQuery, limit: usize) -> Result<(Vec<Trace>, bool), SourceError> {
        let found = match self.api().await? {
            Api::V3 => self.search_v3(query, limit).await,
            Api::Legacy => self.search_legacy(query, limit).await,
        };
        found.map_err(|trouble| self.error(trouble))
    }

    async fn search_v3(&self, query: &TraceQuery, limit: usize) -> Result<(Vec<Trace>, bool), Trouble> {
        let traces = match self.fetch(v3::search(query, limit)).await {
            Ok(body) => v3::read_traces(&body, &self.limits)?,
            Err(Trouble::Missing(text)) if v3::is_empty(&text) => Vec::new(),
            Err(error) => return Err(error),
        };
        let more = traces.len() >= limit;
        Ok((traces, more))
    }

    async fn search_legacy(&self, query: &TraceQuery, limit: usize) -> Result<(Vec<Trace>, bool), Trouble> {
        let services = match &query.filter.service {
            Some(service) => vec![service.clone()],
            None => legacy::read_names(&self.fetch(legacy::services()).await?)?,
        };
        if services.len() > MAX_SERVICES {
            return Err(Trouble::Source(OutboundError::Malformed(format!(
                "it searches by service only and has {}: name one",
                services.len()
            ))));
        }
        let asked = services.iter().map(|service| async move {
            let body = self.fetch(legacy::search(query, service, limit)).await?;
            legacy::read_traces(&body, &self.limits)
        });
        let answers = try_join_all(asked).await?;
        let more = answers.iter().any(|traces| traces.len() >= limit);
        // A trace is found by each of its services.
        let traces: BTreeMap<TraceId, Trace> = answers
            .into_iter()
            .flatten()
            .map(|trace| (trace.id, trace))
            .collect();
        Ok((traces.into_values().collect(), more))
    }
}

/// Why a call brought nothing of use.
#[derive(Debug)]
enum Trouble {
    /// The source gave no answer, or an error.
    Source(OutboundError),
    /// 404, with its words: nothing found, or a path that it does not know.
    Missing(String),
    /// An answer of success that is not Jaeger's.
    Other(String),
}

impl Trouble {
    fn of_json(error: &serde_json::Error, body: &[u8]) -> Self {
        let start = body.trim_ascii_start();
        Self::Other(if start.starts_with(b"<") {
            "a page of HTML, not JSON: is that the address of Jaeger's query service, or of a login before it?".to_owned()
        } else {
            error.to_string()
        })
    }
}

#[async_trait]
impl TraceSource for JaegerSource {
    fn name(&self) -> &str {
        self.outbound.name()
    }

    fn capabilities(&self) -> TraceCapabilities {
        TraceCapabilities {
            any_service: true,
            exact: false,
        }
    }

    async fn search(&self, query: &TraceQuery) -> Result<TracePage, SourceError> {
        let search = self.search_rounds(query);
        match tokio::time::timeout(self.outbound.deadline(), search).await {
            Ok(result) => result,
            Err(_) => Err(SourceError::Unavailable {
                source_name: self.name().to_owned(),
                reason: format!(
                    "no whole answer within {:.1} s: ask for a shorter time",
                    self.outbound.deadline().as_secs_f64()
                ),
            }),
        }
    }

    async fn trace(&self, id: TraceId) -> Result<Option<Trace>, SourceError> {
        let api = self.api().await?;
        let call = match api {
            Api::V3 => v3::trace(id),
            Api::Legacy => legacy::trace(id),
        };
        let found = match self.fetch(call).await {
            Ok(body) => match api {
                Api::V3 => v3::read_traces(&body, &self.limits),
                Api::Legacy => legacy::read_traces(&body, &self.limits),
            },
            Err(Trouble::Missing(text)) if v3::is_empty(&text) || legacy::is_empty(&text) => return Ok(None),
            Err(error) => Err(error),
        };
        let found = found.map_err(|trouble| self.error(trouble))?;
        Ok(found.into_iter().find(|trace| trace.id == id))
    }

    async fn services(&self, scope: &Scope) -> Result<Vec<String>, SourceError> {
        let names = match self.api().await? {
            Api::V3 => match self.fetch(v3::services()).await {
                Ok(body) => v3::read_services(&body),
                Err(error) => Err(error),
            },
            Api::Legacy => match self.fetch(legacy::services()).await {
                Ok(body) => legacy::read_names(&body),
                Err(error) => Err(error),
            },
        };
        let mut names = names.map_err(|trouble| self.error(trouble))?;
        names.retain(|name| is_listed(name, scope));
        names.sort_unstable();
        Ok(names)
    }

    async fn operations(&self, scope: &Scope, service: &str) -> Result<Vec<String>, SourceError> {
        if !is_listed(service, scope) {
            return Ok(Vec::new());
        }
        let names = match self.api().await? {
            Api::V3 => match self.fetch(v3::operations(service)).await {
                Ok(body) => v3::read_operations(&body),
                Err(error) => Err(error),
            },
            Api::Legacy => match self.fetch(legacy::operations(service)).await {
                Ok(body) => legacy::read_names(&body),
                Err(error) => Err(error),
            },
        };
        let mut names = names.map_err(|trouble| self.error(trouble))?;
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

impl JaegerSource {
    async fn search_rounds(&self, query: &TraceQuery) -> Result<TracePage, SourceError> {
        // One more than the page tells whether there is another.
        let wanted = query.limit + 1;
        let mut found: BTreeMap<TraceCursor, TraceSummary> = BTreeMap::new();
        let mut after = query.after;
        let mut more = true;
        for _ in 0..MAX_ROUNDS {
            let asked = TraceQuery {
                after,
                ..query.clone()
            };
            let (traces, fuller) = self.candidates(&asked, wanted.clamp(20, MAX_CANDIDATES)).await?;
            let mut last = after;
            for trace in traces {
                let place = TraceCursor {
                    start_ns: trace.start_ns(),
                    id: trace.id,
                };
                if query.after.is_some_and(|after| place >= after) {
                    continue;
                }
                last = Some(last.map_or(place, |last| last.min(place)));
                if query.matches(&trace)
                    && let Some(summary) = trace.only(&query.scope).as_ref().and_then(TraceSummary::of)
                {
                    found.insert(place, summary);
                }
            }
            // An answer without anything new would come again for ever.
            more = fuller && last != after;
            after = last;
            if found.len() >= wanted || !more {
                break;
            }
        }
        let mut items: Vec<(TraceCursor, TraceSummary)> = found.into_iter().rev().collect();
        let full = items.len() > query.limit;
        items.truncate(query.limit);
        let next = match (full, items.last()) {
            (true, Some((place, _))) => Some(*place),
            // Rounds are used up, not the traces: the next page goes on where this one looked last.
            _ if more => after,
            _ => None,
        };
        Ok(TracePage {
            items: items.into_iter().map(|(_, summary)| summary).collect(),
            next,
        })
    }
}

/// The time to ask for: until the last trace of the page before, which may have begun with others.
fn times(query: &TraceQuery) -> (u64, u64) {
    let to_ns = query.to_ns();
    let to_ns = query
        .after
        .map_or(to_ns, |after| to_ns.min(after.start_ns.saturating_add(1)));
    (query.from_ns(), to_ns)
}

/// Tags as both APIs take them: an object of texts.
fn tags(filter: &TraceFilter) -> String {
    let tags = filter
        .tags
        .iter()
        .map(|(key, value)| (key.clone(), value.clone().into()));
    serde_json::Value::Object(tags.collect()).to_string()
}

/// Whether a caller may see the name of a service. Jaeger's lists do not say whose they are: the name itself does,
/// where it has Istio's form `SERVICE.NAMESPACE`.
fn is_listed(name: &str, scope: &Scope) -> bool {
    match scope {
        Scope::All => true,
        Scope::Namespaces(_) => name
            .rsplit_once('.')
            .is_some_and(|(_, namespace)| scope.allows(namespace)),
    }
}

#[cfg(test)]
mod tests;
