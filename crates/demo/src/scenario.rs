//! Scenarios: a change of the mesh's config that can be applied, looked at and undone.
//!
//! Each step is a folder of files that stand in place of the mesh's files of the same name, or beside them. They are
//! written to an overlay in the run directory; the mesh's own files are never touched, so undoing is exact.

mod overlay;
mod read;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use thiserror::Error;
use tokio::sync::{Mutex, watch};
use vigla_sources::ConfigState;

pub(crate) use overlay::Overlay;
pub(crate) use read::{ScenarioText, read_scenarios};

/// The longest that the config source may take to see a change of the overlay; it usually takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);

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
    /// The overlay cannot be written.
    #[error("cannot write `{}`", path.display())]
    Overlay {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The config source has not taken the change.
    #[error("the config source has not taken the change within {} s", DEADLINE.as_secs())]
    NotTaken,
}

/// Applies and undoes scenarios.
#[derive(Debug)]
pub struct Scenarios {
    texts: BTreeMap<String, ScenarioText>,
    /// Files of the mesh as they are without any scenario.
    config: watch::Receiver<Arc<ConfigState>>,
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
        config: watch::Receiver<Arc<ConfigState>>,
    ) -> Self {
        let state = Mutex::new(State {
            overlay,
            applied: BTreeMap::new(),
        });
        Self { texts, config, state }
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
    /// When there is no such scenario or step, an applied one changes the same file, or the change does not arrive.
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
        if state.applied.get(name).is_none_or(|(have, _)| *have != step) {
            state.overlay.put(name, &files)?;
            state.applied.insert(name.to_owned(), (step, SystemTime::now()));
        }
        let revision = self.taken(&state).await?;
        Ok(Applied {
            name: name.to_owned(),
            step,
            steps,
            revision,
        })
    }

    /// Undoes a scenario, whatever its step. Undoing what is not applied changes nothing.
    ///
    /// # Errors
    /// When there is no such scenario, or the change does not arrive.
    pub async fn undo(&self, name: &str) -> Result<Applied, ScenarioError> {
        let steps = self.find(name)?.last_step();
        let mut state = self.state.lock().await;
        if state.applied.contains_key(name) {
            state.overlay.remove(name)?;
            state.applied.remove(name);
        }
        let revision = self.taken(&state).await?;
        Ok(Applied {
            name: name.to_owned(),
            step: 0,
            steps,
            revision,
        })
    }

    /// Puts a file beside the mesh's own for as long as the demo runs.
    pub(crate) async fn supplement(&self, file: &str, text: &str) -> Result<(), ScenarioError> {
        let mut state = self.state.lock().await;
        // No scenario is called so: names of folders are not empty.
        state
            .overlay
            .put("", &BTreeMap::from([(file.to_owned(), Arc::from(text))]))?;
        self.taken(&state).await.map(drop)
    }

    fn find(&self, name: &str) -> Result<&ScenarioText, ScenarioError> {
        self.texts.get(name).ok_or_else(|| ScenarioError::Unknown {
            name: name.to_owned(),
            known: self.texts.keys().cloned().collect(),
        })
    }

    /// Waits until the config source has read the overlay as it is now; gives its revision.
    async fn taken(&self, state: &State) -> Result<u64, ScenarioError> {
        let mut config = self.config.clone();
        let wait = config.wait_for(|config| state.overlay.is_in(config));
        match tokio::time::timeout(DEADLINE, wait).await {
            Ok(Ok(config)) => Ok(config.revision),
            _ => Err(ScenarioError::NotTaken),
        }
    }
}
