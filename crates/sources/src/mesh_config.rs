//! The mesh's config.

use std::sync::Arc;

use tokio::sync::watch;
use vigla_model::Location;

/// Brings the mesh's config and tells of its changes.
pub trait ConfigSource: Send + Sync {
    /// Name for people, such as `folder mesh/`.
    fn name(&self) -> &str;

    /// The newest state; changes are signalled after a write is complete.
    fn watch(&self) -> watch::Receiver<Arc<ConfigState>>;
}

/// What a config source has: the last good text of every file, and what is wrong with newer ones.
#[derive(Debug, Clone, Default)]
pub struct ConfigState {
    /// Counts changes, from 1.
    pub revision: u64,
    /// Name and text of each file that was read well, in order of name.
    pub files: Vec<(Arc<str>, Arc<str>)>,
    /// Files whose newest text is broken: the last good one stays in `files`.
    pub errors: Vec<ConfigError>,
}

/// Something in a file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where.
    pub place: Location,
    /// What is wrong and what to do.
    pub message: String,
}
