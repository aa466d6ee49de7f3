//! The mesh's config.

use std::sync::Arc;

use tokio::sync::watch;
use vigla_config::{Change, Instance, Object, changes};

/// Something in a file that cannot be used: where, what is wrong and what to do.
pub use vigla_config::ReadError as ConfigError;

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
    /// Files that were read well, in order of name.
    pub files: Vec<Arc<ConfigFile>>,
    /// What is wrong with files whose newest text is broken: the last good one stays in `files`.
    pub errors: Vec<ConfigError>,
    /// What the source does not show us, for want of rights; what it shows is whole without.
    pub notes: Vec<String>,
    /// Running instances, where the source knows them: a cluster does, files do when Pods are among them.
    pub instances: Vec<Arc<Instance>>,
}

/// One file of the mesh's config.
#[derive(Debug)]
pub struct ConfigFile {
    /// Name, relative to what was opened.
    pub name: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// The objects in it, in order of the text.
    pub objects: Vec<Arc<Object>>,
}

impl ConfigState {
    /// All objects, in order of file and text: what `Snapshot::build` takes.
    pub fn objects(&self) -> Vec<Arc<Object>> {
        self.files
            .iter()
            .flat_map(|file| &file.objects)
            .cloned()
            .collect()
    }

    /// Which objects came, changed and went since an earlier state.
    pub fn changes_since(&self, before: &Self) -> Vec<Change> {
        changes(&before.objects(), &self.objects())
    }
}
