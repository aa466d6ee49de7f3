//! What every page knows of the mesh: the console's status and its namespaces.

use std::sync::Arc;

use leptos::prelude::*;
use vigla_api::{NamespaceItem, Page, SourceStatus, Status};

use super::{Clock, Fetched, Pulse};
use crate::{address::Address, client::ClientError, words::time};

/// Period of the status: short enough that a lost server is seen before a reader wonders.
const STATUS_MS: f64 = 3000.0;
/// Period of the namespaces.
const NAMESPACES_MS: f64 = 10_000.0;

/// Status and namespaces.
#[derive(Clone, Copy)]
pub(crate) struct Mesh {
    status: Fetched<Status>,
    namespaces: Fetched<Page<NamespaceItem>>,
}

impl Mesh {
    /// Starts asking.
    pub(crate) fn provide(address: Address, clock: Clock, pulse: Pulse) -> Self {
        let status = Fetched::<Status>::from_url(move || Some(address.resource("api/v1/status")), STATUS_MS);
        let namespaces =
            Fetched::from_url(move || Some(address.resource("api/v1/namespaces")), NAMESPACES_MS);
        Effect::new(move |_| {
            let Some(status) = status.value() else { return };
            if let Some(now) = time::parse(&status.now) {
                clock.set_server_time(now);
                if let Some(age) = newest_age(&status.sources) {
                    pulse.set_newest_at(now.minus(std::time::Duration::from_secs_f64(age)));
                }
            }
        });
        let mesh = Self { status, namespaces };
        provide_context(mesh);
        mesh
    }

    /// The mesh of the page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// The console's status.
    pub(crate) fn status(self) -> Option<Arc<Status>> {
        self.status.value()
    }

    /// Why there is no newer status.
    pub(crate) fn error(self) -> Option<ClientError> {
        self.status.error()
    }

    /// Asks for the status now.
    pub(crate) fn ask_again(self) {
        self.status.ask_again();
    }

    /// Namespaces that the reader may see.
    pub(crate) fn namespaces(self) -> Vec<NamespaceItem> {
        self.namespaces
            .value()
            .map(|page| page.items.clone())
            .unwrap_or_default()
    }

    /// Name of the source of metrics, for provenance.
    pub(crate) fn metrics_source(self) -> String {
        let status = self.status();
        let source = status
            .as_ref()
            .and_then(|status| status.sources.iter().find(|source| source.kind == "metrics"));
        source.map_or_else(|| "metrics".to_owned(), |source| source.name.clone())
    }
}

/// Age in seconds of the newest data of the metric sources.
fn newest_age(sources: &[SourceStatus]) -> Option<f64> {
    let ages = sources
        .iter()
        .filter(|source| source.kind == "metrics")
        .filter_map(|source| source.age_seconds);
    ages.filter(|age| age.is_finite() && *age >= 0.0)
        .min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_metrics_count_and_nothing_else() {
        let source = |kind: &str, age: Option<f64>| SourceStatus {
            kind: kind.into(),
            age_seconds: age,
            ..SourceStatus::default()
        };
        let sources = [
            source("config", Some(0.0)),
            source("metrics", None),
            source("metrics", Some(8.0)),
            source("metrics", Some(3.0)),
        ];
        assert_eq!(newest_age(&sources), Some(3.0));
        assert_eq!(newest_age(&sources[..2]), None);
    }
}
