//! The overlay: files in the run directory that stand in place of the mesh's own, or beside them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::PathBuf,
    sync::Arc,
};

/// Files that scenarios put over the mesh.
#[derive(Debug)]
pub(crate) struct Overlay {
    dir: PathBuf,
    /// Names of the files, by the scenario that put them.
    files: BTreeMap<String, BTreeSet<String>>,
}

impl Overlay {
    /// An empty overlay in `dir`, which exists.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            files: BTreeMap::new(),
        }
    }

    /// Puts the files of a scenario in place of those that it put before.
    pub(crate) fn put(&mut self, scenario: &str, files: &BTreeMap<String, Arc<str>>) -> io::Result<()> {
        let before = self.files.remove(scenario).unwrap_or_default();
        self.files
            .insert(scenario.to_owned(), files.keys().cloned().collect());
        for (name, text) in files {
            // Complete before it has its name: others who look into the folder never see half a file.
            let draft = self.dir.join(format!(".{name}.new"));
            fs::write(&draft, text.as_bytes())?;
            fs::rename(draft, self.dir.join(name))?;
        }
        before
            .iter()
            .filter(|name| !files.contains_key(*name))
            .try_for_each(|name| self.take_away(name))
    }

    /// Takes the files of a scenario away, which brings the mesh's own back as they are.
    pub(crate) fn remove(&mut self, scenario: &str) -> io::Result<()> {
        let files = self.files.remove(scenario).unwrap_or_default();
        files.iter().try_for_each(|name| self.take_away(name))
    }

    fn take_away(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, Arc<str>> {
        pairs
            .iter()
            .map(|(name, text)| ((*name).to_owned(), Arc::from(*text)))
            .collect()
    }

    fn on_disk(dir: &std::path::Path) -> BTreeMap<String, String> {
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

    #[test]
    fn a_step_replaces_the_files_of_the_one_before_and_undoing_leaves_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut overlay = Overlay::new(dir.path().into());
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
    }
}
