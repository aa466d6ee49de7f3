//! Counted traffic.

use async_trait::async_trait;
use thiserror::Error;
use vigla_graph::TrafficWindow;
use vigla_model::{Timestamp, Window};

/// Why a source gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SourceError {
    /// It did not answer in time, or at all.
    #[error("{source_name} does not answer: {reason}")]
    Unavailable {
        /// Name of the source, such as `embedded metrics`.
        source_name: String,
        /// What happened.
        reason: String,
    },
    /// The window holds fewer than two scrapes, or lies outside what is kept.
    #[error("{source_name} cannot answer for this window: {reason}")]
    Window {
        /// Name of the source.
        source_name: String,
        /// What is possible instead.
        reason: String,
    },
}

/// Brings counted traffic under Istio's standard labels.
#[async_trait]
pub trait MetricSource: Send + Sync {
    /// Name for people, such as `embedded metrics`.
    fn name(&self) -> &str;

    /// All traffic in the window that ends at `at` (`None`: with the newest scrape).
    ///
    /// # Errors
    /// When the source cannot answer, or the window is shorter than two scrapes.
    async fn traffic(&self, window: Window, at: Option<Timestamp>) -> Result<TrafficWindow, SourceError>;
}
