//! The overlay: files in the run directory that stand in place of the mesh's own, or beside them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use vigla_sources::ConfigState;

use super::ScenarioError;

/// Files that scenarios put over the mesh.
#[derive(Debug)]
pub(crate) struct Overlay {
    dir: PathBuf,
    /// The mesh's own files; only read.
    base: PathBuf,
    /// Name and text of each file, by the scenario that put it.
    files: BTreeMap<String, BTreeMap<String, Arc<str>>>,
    /// Names that were in the overlay once and are no more.
    gone: Vec<String>,
}

impl Overlay {
    /// An empty overlay in `dir`, which exists, over the files in `base`.
    pub(crate) fn new(dir: PathBuf, base: PathBuf) -> Self {
        Self {
            dir,
            base,
            files: BTreeMap::new(),
            gone: Vec::new(),
        }
    }

    /// Puts the files of a scenario in place of those that it put before.
    pub(crate) fn put(
        &mut self,
        scenario: &str,
        files: &BTreeMap<String, Arc<str>>,
    ) -> Result<(), ScenarioError> {
        // All texts are complete on disk before the first one gets its name, so that a watcher that waits for
        // quiet takes them together.
        for (name, text) in files {
            let path = self.dir.join(temporary(name));
            fs::write(&path, text.as_bytes()).map_err(failed(&path))?;
        }
        let before = self
            .files
            .insert(scenario.to_owned(), files.clone())
            .unwrap_or_default();
        self.gone.retain(|name| !files.contains_key(name));
        for name in files.keys() {
            let path = self.dir.join(name);
            fs::rename(self.dir.join(temporary(name)), &path).map_err(failed(&path))?;
        }
        before
            .into_keys()
            .filter(|name| !files.contains_key(name))
            .try_for_each(|name| self.take_away(name))
    }

    /// Takes the files of a scenario away, which brings the mesh's own back as they are.
    pub(crate) fn remove(&mut self, scenario: &str) -> Result<(), ScenarioError> {
        let files = self.files.remove(scenario).unwrap_or_default();
        files.into_keys().try_for_each(|name| self.take_away(name))
    }

    /// Whether a config holds the overlay as it is now, and the mesh's own files where the overlay has none.
    /// A file that the config source refuses counts as taken: its error is shown instead.
    pub(crate) fn is_in(&self, config: &ConfigState) -> bool {
        let have: BTreeMap<&str, &str> = config
            .files
            .iter()
            .map(|file| (&*file.name, &*file.text))
            .collect();
        let refused = |name: &str| config.errors.iter().any(|error| &*error.place.file == name);
        let put = self.files.values().flatten();
        put.map(|(name, text)| (name, Some(text.to_string())))
            .chain(
                self.gone
                    .iter()
                    .map(|name| (name, fs::read_to_string(self.base.join(name)).ok())),
            )
            .all(|(name, text)| have.get(name.as_str()).copied() == text.as_deref() || refused(name))
    }

    fn take_away(&mut self, name: String) -> Result<(), ScenarioError> {
        let path = self.dir.join(&name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&path)(error)),
            _ => self.gone.push(name),
        }
        Ok(())
    }
}

/// Dot files are not read as config.
fn temporary(name: &str) -> String {
    format!(".{name}.new")
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ScenarioError {
    let path = path.to_owned();
    move |source| ScenarioError::Overlay { path, source }
}

#[cfg(test)]
mod tests {
    use vigla_sources::ConfigFile;

    use super::*;

    fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, Arc<str>> {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Arc::from(*text)))
            .collect()
    }

    fn on_disk(dir: &Path) -> BTreeMap<String, String> {
        fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    fs::read_to_string(entry.path()).unwrap(),
                )
            })
            .collect()
    }

    fn state(pairs: &[(&str, &str)]) -> ConfigState {
        let file = |(name, text): &(&str, &str)| {
            Arc::new(ConfigFile {
                name: (*name).into(),
                text: (*text).into(),
                objects: vec![],
            })
        };
        ConfigState {
            revision: 1,
            files: pairs.iter().map(file).collect(),
            errors: vec![],
        }
    }

    #[test]
    fn applying_and_undoing_leaves_every_byte_as_it_was() {
        let (dir, base) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(base.path().join("a.yaml"), "base a\r\n").unwrap();
        let before = on_disk(base.path());
        let mut overlay = Overlay::new(dir.path().into(), base.path().into());
        overlay
            .put("one", &files(&[("a.yaml", "step 1"), ("new.yaml", "more")]))
            .unwrap();
        assert_eq!(on_disk(dir.path()).len(), 2);
        overlay.put("one", &files(&[("a.yaml", "step 2")])).unwrap();
        assert_eq!(
            on_disk(dir.path()),
            BTreeMap::from([("a.yaml".into(), "step 2".into())])
        );
        overlay.remove("one").unwrap();
        assert!(on_disk(dir.path()).is_empty());
        assert_eq!(on_disk(base.path()), before);
    }

    #[test]
    fn a_change_is_taken_when_the_config_holds_exactly_its_bytes() {
        let (dir, base) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(base.path().join("a.yaml"), "base").unwrap();
        let mut overlay = Overlay::new(dir.path().into(), base.path().into());
        assert!(overlay.is_in(&state(&[("a.yaml", "base")])));
        overlay
            .put("one", &files(&[("a.yaml", "new"), ("b.yaml", "b")]))
            .unwrap();
        assert!(!overlay.is_in(&state(&[("a.yaml", "new")])));
        assert!(overlay.is_in(&state(&[("a.yaml", "new"), ("b.yaml", "b")])));
        overlay.remove("one").unwrap();
        assert!(!overlay.is_in(&state(&[("a.yaml", "base"), ("b.yaml", "b")])));
        assert!(overlay.is_in(&state(&[("a.yaml", "base")])));
    }
}
