//! The mesh's config from folders of YAML and JSON.
//!
//! A change is taken when its writer has closed or renamed the file, never in the middle of a write, and a few
//! milliseconds later: long enough that files saved together are one revision, short enough that nobody waits.
//! Several folders may lie over each other: a file of a later one stands in place of the file with the same name below.

mod disk;
mod layers;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, CreateKind, ModifyKind},
};
use thiserror::Error;
use tokio::sync::watch;

use crate::{ConfigSource, ConfigState};
use layers::Layers;

/// Files that come within this time of each other are one revision.
const QUIET: Duration = Duration::from_millis(1);
/// A stream of changes is taken at least this often.
const PATIENCE: Duration = Duration::from_millis(3);

/// Why folders cannot be a source.
#[derive(Debug, Error)]
pub enum FolderError {
    /// A path is no folder.
    #[error("`{}` is no folder that can be read", .0.display())]
    NoFolder(PathBuf),
    /// The system does not tell of changes.
    #[error("changes of `{}` cannot be watched", .path.display())]
    Watch {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: notify::Error,
    },
}

/// Folders as a [`ConfigSource`]. Watching ends when it is dropped.
pub struct FolderSource {
    name: String,
    folder: Arc<Folder>,
    _watcher: RecommendedWatcher,
}

struct Folder {
    layers: Mutex<Layers>,
    state: watch::Sender<Arc<ConfigState>>,
}

impl Folder {
    fn lock(&self) -> MutexGuard<'_, Layers> {
        // Layers are replaced file by file, so what a panic leaves is still true.
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes what the layers hold now, if that is something new.
    fn publish(&self, layers: &mut Layers) {
        let next = layers.next_state(&self.state.borrow());
        if let Some(next) = next {
            self.state.send_replace(Arc::new(next));
        }
    }
}

impl FolderSource {
    /// Reads folders, and watches them from then on. Later ones lie over earlier ones.
    ///
    /// Files that are broken at the start count as far as they can be read; their errors are in the state.
    ///
    /// # Errors
    /// When one of them is no folder, or the system cannot watch it.
    pub fn open(roots: &[&Path]) -> Result<Self, FolderError> {
        let missing = roots.iter().find(|root| !root.is_dir());
        if let Some(root) = missing {
            return Err(FolderError::NoFolder((*root).to_owned()));
        }
        let mut layers = Layers::new(roots.iter().map(|root| absolute(root)).collect());
        let (sender, events) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // The receiver is gone when the source is dropped: nobody is left to tell.
            let _ = interesting(event).map(|what| sender.send(what));
        })
        .map_err(|source| FolderError::Watch {
            path: roots.iter().copied().collect(),
            source,
        })?;
        for root in layers.roots() {
            watcher
                .watch(root, RecursiveMode::Recursive)
                .map_err(|source| FolderError::Watch {
                    path: root.clone(),
                    source,
                })?;
        }
        // Reading starts when watching is on: what is written in between is seen twice rather than never.
        layers.read_all();
        let folder = Arc::new(Folder {
            layers: Mutex::new(layers),
            state: watch::Sender::default(),
        });
        folder.publish(&mut folder.lock());
        let worker = Arc::clone(&folder);
        std::thread::Builder::new()
            .name("vigla-folder".to_owned())
            .spawn(move || follow(&worker, &events))
            .map_err(|error| FolderError::Watch {
                path: roots.iter().copied().collect(),
                source: notify::Error::io(error),
            })?;
        let names: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
        Ok(Self {
            name: format!("folder {}", names.join(" + ")),
            folder,
            _watcher: watcher,
        })
    }

    /// The newest state.
    pub fn state(&self) -> Arc<ConfigState> {
        Arc::clone(&self.folder.state.borrow())
    }

    /// Changes files as one revision: nothing is taken while `write` runs, then everything at once. Gives what
    /// `write` gave, and the state that holds the change.
    ///
    /// Blocks for as long as `write` does.
    ///
    /// # Errors
    /// Those of `write`. What it wrote before it failed is taken.
    pub fn change<T>(&self, write: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Arc<ConfigState>)> {
        let mut layers = self.folder.lock();
        let result = write();
        layers.read_all();
        self.folder.publish(&mut layers);
        drop(layers);
        result.map(|value| (value, self.state()))
    }
}

impl ConfigSource for FolderSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn watch(&self) -> watch::Receiver<Arc<ConfigState>> {
        self.folder.state.subscribe()
    }
}

/// What the system told.
#[derive(Debug)]
enum What {
    /// These paths are complete, or gone.
    Paths(Vec<PathBuf>),
    /// More than one can follow: look at everything.
    Everything,
}

/// Sorts out what is no complete change. Our own reading makes events too.
fn interesting(event: notify::Result<Event>) -> Option<What> {
    let Ok(event) = event else {
        return Some(What::Everything);
    };
    if event.need_rescan() {
        return Some(What::Everything);
    }
    let complete = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(_))
        | EventKind::Remove(_)
        | EventKind::Create(CreateKind::Folder) => true,
        // Links and renames from elsewhere are complete when they appear; a file that is being written is empty
        // at first, which is no config, and is closed later.
        EventKind::Create(_) => event.paths.iter().any(|path| path.is_symlink()),
        // Elsewhere than on Linux the system does not tell when a file is closed.
        EventKind::Modify(_) => cfg!(not(target_os = "linux")),
        _ => false,
    };
    complete.then_some(What::Paths(event.paths))
}

/// Takes changes until the watcher is gone.
fn follow(folder: &Folder, events: &mpsc::Receiver<What>) {
    while let Ok(first) = events.recv() {
        let started = Instant::now();
        let mut batch = vec![first];
        let ended = loop {
            let left = PATIENCE.saturating_sub(started.elapsed()).min(QUIET);
            match events.recv_timeout(left) {
                Ok(more) if !left.is_zero() => batch.push(more),
                Ok(more) => {
                    batch.push(more);
                    break false;
                }
                Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        let mut layers = folder.lock();
        for what in batch {
            match what {
                What::Paths(paths) => paths.iter().for_each(|path| layers.read_path(path)),
                What::Everything => layers.read_all(),
            }
        }
        folder.publish(&mut layers);
        drop(layers);
        if ended {
            return;
        }
    }
}

/// Events carry the paths that were given: make them independent of the current directory.
fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests;
