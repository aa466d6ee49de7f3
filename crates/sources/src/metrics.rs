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
    /// It works, and has seen too little yet: the first scrapes of an embedded store.
    #[error("{source_name} has nothing to tell yet: {reason}")]
    Starting {
        /// Name of the source.
        source_name: String,
        /// What it waits for.
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
    /// It refuses us: no login, or no right.
    #[error("{source_name} refuses the console: {reason}")]
    Denied {
        /// Name of the source, such as `Jaeger`.
        source_name: String,
        /// What it said, and which setting to look at.
        reason: String,
    },
    /// More than it or we can bear: a rate limit, an answer over the bound.
    #[error("{source_name} cannot give that much: {reason}")]
    TooMuch {
        /// Name of the source.
        source_name: String,
        /// Which bound, and what to ask instead.
        reason: String,
    },
    /// It answered with something else than its interface says: HTML of a login page, half an answer.
    #[error("{source_name} answers with something else: {reason}")]
    Malformed {
        /// Name of the source.
        source_name: String,
        /// What came, and where.
        reason: String,
    },
}

impl SourceError {
    /// Name of the source that gave no answer.
    pub fn source_name(&self) -> &str {
        match self {
            Self::Unavailable { source_name, .. }
            | Self::Starting { source_name, .. }
            | Self::Window { source_name, .. }
            | Self::Denied { source_name, .. }
            | Self::TooMuch { source_name, .. }
            | Self::Malformed { source_name, .. } => source_name,
        }
    }
}

/// What a source says of itself, beside its answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceAbout {
    /// Program and version, when it tells.
    pub version: Option<String>,
    /// What it can do, in single words.
    pub capabilities: Vec<String>,
    /// How it is asked, for people.
    pub detail: Option<String>,
    /// What in its last answer could not be used, for people.
    pub notes: Vec<String>,
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

    /// What it said of itself last; asks nothing.
    fn about(&self) -> SourceAbout {
        SourceAbout::default()
    }
}
