//! Scenarios: a change of the mesh's config that can be applied, looked at and undone.
//!
//! Each step is a folder of files that stand in place of the mesh's files of the same name, or beside them. They are
//! written to an overlay in the run directory; the mesh's own files are never touched, so undoing is exact.

mod overlay;
mod read;

use std::{collections::BTreeMap, fmt, io, sync::Arc, time::SystemTime};

use thiserror::Error;
use tokio::sync::Mutex;
use vigla_sources::{ConfigState, FolderSource};

pub(crate) use overlay::Overlay;
pub(crate) use read::{ScenarioText, read_scenarios};

/// One scenario, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioInfo {
    /// Name, such as `broken-subset`.
    pub name: String,
    /// Title.
    pub title: String,
    /// What it changes.
    pub changes: String,
    /// What to look at.
    pub look: Vec<String>,
    /// Steps that it has.
    pub steps: u32,
    /// Step that is applied, and since when.
    pub applied: Option<(u32, SystemTime)>,
}

/// A scenario that was applied, or undone (`step` 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its name.
    pub name: String,
    /// Step that is applied now; 0 for none.
    pub step: u32,
    /// Steps that it has.
    pub steps: u32,
    /// Revision of the mesh's config that holds the change.
    pub revision: u64,
}

/// Why a scenario was not applied or undone.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// No such scenario.
    #[error("there is no scenario `{name}`; there are {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No such step.
    #[error("scenario `{name}` has steps 1 to {steps}, not {step}")]
    NoStep {
        /// The scenario.
        name: String,
        /// What was asked for.
        step: u32,
        /// Its last step.
        steps: u32,
    },
    /// Another scenario that is applied changes the same file.
    #[error("scenario `{other}` is applied and changes `{file}` too; undo it first")]
    Conflict {
        /// The other scenario.
        other: String,
        /// The file that both change.
        file: String,
    },
    /// The overlay in the run directory cannot be written.
    #[error("the overlay in the run directory cannot be written")]
    Overlay(#[from] io::Error),
}

/// Applies and undoes scenarios.
pub struct Scenarios {
    texts: BTreeMap<String, ScenarioText>,
    source: Arc<FolderSource>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    overlay: Overlay,
    applied: BTreeMap<String, (u32, SystemTime)>,
}

impl Scenarios {
    pub(crate) fn new(
        texts: BTreeMap<String, ScenarioText>,
        overlay: Overlay,
        source: Arc<FolderSource>,
    ) -> Self {
        let state = Mutex::new(State {
            overlay,
            applied: BTreeMap::new(),
        });
        Self { texts, source, state }
    }

    /// All scenarios, by name.
    pub async fn list(&self) -> Vec<ScenarioInfo> {
        let state = self.state.lock().await;
        let info = |(name, text): (&String, &ScenarioText)| ScenarioInfo {
            name: name.clone(),
            title: text.title.clone(),
            changes: text.changes.clone(),
            look: text.look.clone(),
            steps: text.last_step(),
            applied: state.applied.get(name).copied(),
        };
        self.texts.iter().map(info).collect()
    }

    /// Applies a step (from 1); a step lies over those before it. Applying what is applied changes nothing.
    /// Scenarios that change different files may be applied together.
    ///
    /// # Errors
    /// When there is no such scenario or step, an applied one changes the same file, or the overlay cannot be written.
    pub async fn apply(&self, name: &str, step: u32) -> Result<Applied, ScenarioError> {
        let text = self.find(name)?;
        let steps = text.last_step();
        if !(1..=steps).contains(&step) {
            return Err(ScenarioError::NoStep {
                name: name.to_owned(),
                step,
                steps,
            });
        }
        let files = text.files_at(step);
        let mut state = self.state.lock().await;
        for other in state.applied.iter().filter(|(other, _)| *other != name) {
            let theirs = self.texts[other.0].files_at(other.1.0);
            if let Some(file) = files.keys().find(|file| theirs.contains_key(*file)) {
                return Err(ScenarioError::Conflict {
                    other: other.0.clone(),
                    file: file.clone(),
                });
            }
        }
        let State { overlay, applied } = &mut *state;
        let config = if applied.get(name).is_some_and(|(have, _)| *have == step) {
            self.source.state()
        } else {
            applied.insert(name.to_owned(), (step, SystemTime::now()));
            self.change(|| overlay.put(name, &files))?
        };
        Ok(Applied {
            name: name.to_owned(),
            step,
            steps,
            revision: config.revision,
        })
    }

    /// Undoes a scenario, whatever its step. Undoing what is not applied changes nothing.
    ///
    /// # Errors
    /// When there is no such scenario, or the overlay cannot be written.
    pub async fn undo(&self, name: &str) -> Result<Applied, ScenarioError> {
        let steps = self.find(name)?.last_step();
        let mut state = self.state.lock().await;
        let State { overlay, applied } = &mut *state;
        let config = if applied.contains_key(name) {
            self.change(|| overlay.remove(name))?
        } else {
            self.source.state()
        };
        applied.remove(name);
        Ok(Applied {
            name: name.to_owned(),
            step: 0,
            steps,
            revision: config.revision,
        })
    }

    /// Puts a file beside the mesh's own for as long as the demo runs.
    pub(crate) async fn supplement(&self, file: &str, text: &str) -> Result<(), ScenarioError> {
        let overlay = &mut self.state.lock().await.overlay;
        // No scenario is called so: names of folders are not empty.
        self.change(|| overlay.put("", &BTreeMap::from([(file.to_owned(), Arc::from(text))])))?;
        Ok(())
    }

    fn find(&self, name: &str) -> Result<&ScenarioText, ScenarioError> {
        self.texts.get(name).ok_or_else(|| ScenarioError::Unknown {
            name: name.to_owned(),
            known: self.texts.keys().cloned().collect(),
        })
    }

    /// Writes to the overlay as one revision of the config. A few small files: not worth a thread of its own.
    fn change(&self, write: impl FnOnce() -> io::Result<()>) -> Result<Arc<ConfigState>, ScenarioError> {
        Ok(self.source.change(write).map(|((), config)| config)?)
    }
}

impl fmt::Debug for Scenarios {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenarios")
            .field("texts", &self.texts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
