//! What is known of every file, and what of it is in effect.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use vigla_config::{Instance, read_objects};
use vigla_model::Location;

use super::disk;
use crate::{ConfigError, ConfigFile, ConfigState};

/// Folders that lie over each other, the lowest first.
pub(super) struct Layers {
    layers: Vec<Layer>,
    /// Whether something may differ from the state that was last made.
    touched: bool,
}

struct Layer {
    root: PathBuf,
    files: BTreeMap<String, Entry>,
    /// What is wrong with the folder as a whole.
    error: Option<ConfigError>,
}

/// One file.
#[derive(Default)]
struct Entry {
    /// The last text that could be read well.
    good: Option<Arc<ConfigFile>>,
    /// What could be read of a text without a good one before it.
    partial: Option<Arc<ConfigFile>>,
    /// What is wrong with the newest text.
    errors: Vec<ConfigError>,
}

impl Layers {
    pub(super) fn new(roots: Vec<PathBuf>) -> Self {
        let layer = |root| Layer {
            root,
            files: BTreeMap::new(),
            error: None,
        };
        Self {
            layers: roots.into_iter().map(layer).collect(),
            touched: true,
        }
    }

    pub(super) fn roots(&self) -> impl Iterator<Item = &PathBuf> {
        self.layers.iter().map(|layer| &layer.root)
    }

    /// Reads every file again.
    pub(super) fn read_all(&mut self) {
        self.touched = true;
        self.layers.iter_mut().for_each(Layer::read_all);
    }

    /// Reads one file again; a path that is none may be a folder with files: then all are read.
    pub(super) fn read_path(&mut self, path: &Path) {
        for layer in &mut self.layers {
            let Some(name) = disk::relative(&layer.root, path) else {
                continue;
            };
            if disk::is_config(&name) && !path.is_dir() {
                self.touched = true;
                layer.read(&disk::shown(&name), path);
            } else if name.as_os_str().is_empty() || looks_like_folder(&name) {
                self.touched = true;
                layer.read_all();
            }
        }
    }

    /// The state after the one before; `None` when nothing differs.
    pub(super) fn next_state(&mut self, before: &ConfigState) -> Option<ConfigState> {
        if !std::mem::take(&mut self.touched) {
            return None;
        }
        let names: BTreeSet<&String> = self.layers.iter().flat_map(|layer| layer.files.keys()).collect();
        let mut next = ConfigState {
            revision: before.revision + 1,
            ..ConfigState::default()
        };
        next.errors
            .extend(self.layers.iter().filter_map(|layer| layer.error.clone()));
        for name in names {
            let entries = || self.layers.iter().rev().filter_map(|layer| layer.files.get(name));
            // A broken file over a good one: the good one below stays in effect.
            let file = entries()
                .find_map(|entry| entry.good.as_ref())
                .or_else(|| entries().find_map(|entry| entry.partial.as_ref()));
            next.files.extend(file.cloned());
            let top = entries().next();
            next.errors
                .extend(top.into_iter().flat_map(|entry| entry.errors.iter().cloned()));
        }
        // Pods that were saved with the rest, as `kubectl get pods -o yaml` gives them.
        let objects = next.files.iter().flat_map(|file| &file.objects);
        next.instances = objects
            .filter_map(|object| Instance::of_pod(object))
            .map(Arc::new)
            .collect();
        let same_files = next.files.len() == before.files.len()
            && next
                .files
                .iter()
                .zip(&before.files)
                .all(|(a, b)| a.name == b.name && a.text == b.text);
        (before.revision == 0 || !same_files || next.errors != before.errors).then_some(next)
    }
}

/// Folders and links to them; drafts of editors (`.x.yaml.swp`, `4913`) need no second look at everything.
fn looks_like_folder(name: &Path) -> bool {
    let last = name
        .file_name()
        .map(|last| last.to_string_lossy().into_owned())
        .unwrap_or_default();
    // Kubernetes swaps the files of a mounted ConfigMap by renaming the link `..data`.
    last == "..data" || (!last.starts_with('.') && !last.ends_with('~') && name.extension().is_none())
}

impl Layer {
    fn read_all(&mut self) {
        let (found, more) = match disk::list(&self.root) {
            Ok(listed) => listed,
            Err(error) => {
                // What was accepted before is kept: a folder that is away for a moment empties no mesh.
                let root = self.root.display().to_string();
                self.error = Some(error_at(
                    &root,
                    format!("the folder cannot be read: {error}; its last files stay"),
                ));
                return;
            }
        };
        self.error = more.then(|| {
            let root = self.root.display().to_string();
            error_at(
                &root,
                format!(
                    "the folder has more than {} files; the rest is not read",
                    disk::MAX_FILES
                ),
            )
        });
        self.files.retain(|name, _| found.contains_key(name));
        for (name, path) in found.iter().take(disk::MAX_FILES) {
            self.read(name, path);
        }
    }

    fn read(&mut self, name: &str, path: &Path) {
        let text = match disk::read(path) {
            Ok(Some(text)) => text,
            Ok(None) => {
                self.files.remove(name);
                return;
            }
            Err(message) => {
                self.files.entry(name.to_owned()).or_default().errors = vec![error_at(name, message)];
                return;
            }
        };
        if !self.files.contains_key(name) && self.files.len() >= disk::MAX_FILES {
            return;
        }
        let entry = self.files.entry(name.to_owned()).or_default();
        if entry.errors.is_empty() && entry.good.as_ref().is_some_and(|file| *file.text == *text) {
            return;
        }
        let read = read_objects(name, &text);
        let file = Arc::new(ConfigFile {
            name: name.into(),
            text: text.into(),
            objects: read.objects,
        });
        entry.errors = read.errors;
        if entry.errors.is_empty() {
            entry.good = Some(file);
            entry.partial = None;
        } else if entry.good.is_none() {
            entry.partial = Some(file);
        }
    }
}

fn error_at(file: &str, message: String) -> ConfigError {
    ConfigError {
        trouble: vigla_config::Trouble::Broken,
        place: Location {
            file: file.into(),
            line: 1,
            column: 1,
        },
        message,
    }
}
