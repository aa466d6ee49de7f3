//! Counted traffic from a Prometheus, or what speaks its API (Thanos, Mimir, VictoriaMetrics).
//!
//! Ten queries over the whole mesh bring one window, however many people look and however many namespaces there
//! are. Rates are Prometheus's own. Answers are read as they arrive, piece by piece, straight into the rows of edges.

mod about;
mod answer;
mod cursor;
mod native;
mod query;
mod table;
mod written;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use futures_util::future::try_join_all;
use vigla_graph::TrafficWindow;
use vigla_model::{Timestamp, Window};

use crate::{
    MetricSource, SourceAbout, SourceError,
    outbound::{Call, Outbound, OutboundError, SingleFlight},
};
pub use about::BuildInfo;
pub use answer::Answer;
pub use query::{MeshQuery, Scope};
pub use table::Table;

/// Warnings of Prometheus that are shown.
const MAX_WARNINGS: usize = 10;

/// One answer for all that ask the same at the same time.
type Shared = Result<Arc<TrafficWindow>, SourceError>;

/// A Prometheus as source. Cheap to clone.
#[derive(Clone)]
pub struct PrometheusSource {
    inner: Arc<Inner>,
}

struct Inner {
    outbound: Outbound,
    scope: Scope,
    flights: SingleFlight<(Window, Option<Timestamp>), Shared>,
    /// The table of the last window, which knows the mesh's labels; not there while one is being read.
    table: Mutex<Option<Table>>,
    about: Mutex<Known>,
}

/// What it told of itself last.
#[derive(Default)]
struct Known {
    build: Option<BuildInfo>,
    /// When it was asked; asked again after trouble, since another version may have come back.
    asked: bool,
    series: usize,
    strangers: usize,
    notes: Vec<String>,
}

impl PrometheusSource {
    /// A source behind this client. `scope` are labels that the mesh's series carry in a store that others share.
    pub fn new(outbound: Outbound, scope: BTreeMap<String, String>) -> Self {
        Self {
            inner: Arc::new(Inner {
                outbound,
                scope: Scope::new(scope),
                flights: SingleFlight::default(),
                table: Mutex::default(),
                about: Mutex::default(),
            }),
        }
    }

    /// The client that asks.
    pub fn outbound(&self) -> &Outbound {
        &self.inner.outbound
    }

    async fn ask(self, window: Window, at: Option<Timestamp>) -> Shared {
        let result = self.ask_all(window, at.unwrap_or_else(now)).await;
        if result.is_err() {
            self.known(|known| known.asked = false);
        }
        result.map(Arc::new)
    }

    async fn ask_all(&self, window: Window, at: Timestamp) -> Result<TrafficWindow, SourceError> {
        let before = self.table().take();
        let table = Mutex::new(before.unwrap_or_default());
        let queries = MeshQuery::ALL
            .iter()
            .map(|query| self.query(*query, window, at, &table));
        // The first failure ends the others: a map of half the numbers would be a wrong map.
        let about = async {
            self.ask_about().await;
            Ok(())
        };
        let (warnings, ()) = futures_util::future::try_join(try_join_all(queries), about).await?;
        let mut table = table.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut notes = table.notes();
        notes.extend(warnings.into_iter().flatten().take(MAX_WARNINGS));
        self.known(|known| {
            (known.series, known.strangers) = (table.series(), table.strangers());
            known.notes = notes;
        });
        let (is_empty, has_rates) = (table.is_empty(), table.has_rates());
        let rows = table.finish();
        *self.table() = Some(table);
        if is_empty {
            return Err(self.unavailable(format!(
                "it has no sample of Istio's metrics in the {window} before {}: does it scrape the mesh's proxies?",
                at.millis() / 1000
            )));
        }
        if !has_rates {
            return Err(SourceError::Window {
                source_name: self.inner.outbound.name().to_owned(),
                reason: format!("{window} holds one scrape only and a rate needs two: take a longer one"),
            });
        }
        Ok(TrafficWindow {
            at,
            window: window.duration(),
            rows,
        })
    }

    fn table(&self) -> MutexGuard<'_, Option<Table>> {
        self.inner.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn query(
        &self,
        query: MeshQuery,
        window: Window,
        at: Timestamp,
        table: &Mutex<Table>,
    ) -> Result<Vec<String>, SourceError> {
        let seconds = format!("{}.{:03}", at.millis() / 1000, at.millis() % 1000);
        let timeout = format!("{}ms", self.inner.outbound.deadline().as_millis());
        let call = Call::post("api/v1/query")
            .with("query", query.text(window, &self.inner.scope))
            .with("time", seconds)
            // So that it stops as well when we no longer wait.
            .with("timeout", timeout);
        let mut answer = Answer::new(query);
        let taken = self
            .inner
            .outbound
            .stream(call, |piece| {
                let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
                answer.take(piece, &mut table)
            })
            .await;
        let ended = taken.and_then(|()| answer.end().map_err(OutboundError::Malformed));
        ended.map_err(|error| self.unavailable(about::words(&error)))
    }

    /// Asks for its version once, and again after trouble. Stores without that path work all the same.
    async fn ask_about(&self) {
        if self.known(|known| std::mem::replace(&mut known.asked, true)) {
            return;
        }
        let answer = self
            .inner
            .outbound
            .fetch(Call::get("api/v1/status/buildinfo"))
            .await;
        let build = answer.ok().and_then(|body| BuildInfo::parse(&body));
        self.known(|known| known.build = build);
    }

    fn known<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.inner.about.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn unavailable(&self, reason: String) -> SourceError {
        SourceError::Unavailable {
            source_name: self.inner.outbound.name().to_owned(),
            reason,
        }
    }
}

#[async_trait]
impl MetricSource for PrometheusSource {
    fn name(&self) -> &str {
        self.inner.outbound.name()
    }

    async fn traffic(&self, window: Window, at: Option<Timestamp>) -> Result<TrafficWindow, SourceError> {
        let ask = || self.clone().ask(window, at);
        let answer = self.inner.flights.join((window, at), ask).await?;
        Ok(Arc::unwrap_or_clone(answer))
    }

    fn about(&self) -> SourceAbout {
        self.known(|known| SourceAbout {
            version: known.build.as_ref().map(BuildInfo::version),
            capabilities: BuildInfo::capabilities(known.build.as_ref()),
            detail: Some(format!(
                "{} queries a refresh, {} series ({} of no edge), {}",
                MeshQuery::ALL.len(),
                known.series,
                known.strangers,
                self.inner.outbound.url()
            )),
            notes: known.notes.clone(),
        })
    }
}

/// The time now. The store's own clock decides what is in a window; both are expected to be set.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
