//! Scenarios as they are written: `NAME/scenario.yaml` and `NAME/step-N/FILE`.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use include_dir::Dir;

/// One scenario with the files of its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScenarioText {
    pub(crate) title: String,
    pub(crate) changes: String,
    pub(crate) look: Vec<String>,
    /// Files of each step, in order.
    steps: Vec<BTreeMap<String, Arc<str>>>,
}

impl ScenarioText {
    /// A scenario with these files in its steps.
    #[cfg(test)]
    pub(super) fn of(steps: &[&[(&str, &str)]]) -> Self {
        let files = |step: &&[(&str, &str)]| {
            step.iter()
                .map(|(name, text)| ((*name).to_owned(), Arc::from(*text)))
                .collect()
        };
        Self {
            title: String::new(),
            changes: String::new(),
            look: vec![],
            steps: steps.iter().map(files).collect(),
        }
    }

    /// Number of the last step.
    pub(crate) fn last_step(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(u32::MAX)
    }

    /// All files of the steps up to this one; a later step's file hides an earlier one of the same name.
    pub(crate) fn files_at(&self, step: u32) -> BTreeMap<String, Arc<str>> {
        let steps = self.steps.iter().take(step as usize);
        steps
            .flat_map(|files| files.iter().map(|(name, text)| (name.clone(), text.clone())))
            .collect()
    }
}

/// Reads the embedded scenarios that make sense for a mesh: those that replace files which it has. Their form is
/// checked by a test, so what does not read well is left out here.
pub(crate) fn read_scenarios(dir: &Dir<'_>, mesh: &Path) -> BTreeMap<String, ScenarioText> {
    let scenarios = dir
        .dirs()
        .filter_map(|scenario| Some((name(scenario.path())?, read_scenario(scenario)?)));
    scenarios
        .filter(|(_, text)| {
            text.files_at(text.last_step())
                .keys()
                .all(|file| mesh.join(file).is_file())
        })
        .collect()
}

fn read_scenario(dir: &Dir<'_>) -> Option<ScenarioText> {
    let file = |name: &str| {
        dir.get_file(dir.path().join(name))
            .and_then(|file| file.contents_utf8())
    };
    let documents = vigla_config::read_documents("scenario.yaml", file("scenario.yaml")?);
    let root = documents.documents.first()?.root();
    let text = |key: &str| Some(root.get(key)?.text()?.to_owned());
    let mut steps = Vec::new();
    while let Some(step) = dir.get_dir(dir.path().join(format!("step-{}", steps.len() + 1))) {
        let files = step
            .files()
            .filter_map(|file| Some((name(file.path())?, Arc::from(file.contents_utf8()?))));
        steps.push(files.collect());
    }
    let look = root
        .get("look")?
        .items()
        .filter_map(|line| line.text().map(str::to_owned))
        .collect();
    (!steps.is_empty()).then_some(ScenarioText {
        title: text("title")?,
        changes: text("changes")?,
        look,
        steps,
    })
}

fn name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_scenario_reads_well_and_only_changes_files_that_the_mesh_has() {
        let dir = crate::embedded::scenarios();
        let mesh = tempfile::tempdir().unwrap();
        crate::embedded::unpack_mesh(mesh.path()).unwrap();
        let scenarios = read_scenarios(dir, mesh.path());
        assert_eq!(scenarios.len(), dir.dirs().count());
        assert!(
            ["broken-subset", "mtls-strict"]
                .iter()
                .all(|name| scenarios.contains_key(*name))
        );
        for (name, scenario) in scenarios {
            assert!(!scenario.look.is_empty(), "{name}");
            for (file, text) in scenario.files_at(scenario.last_step()) {
                let own = crate::embedded::mesh().get_file(format!("mesh/{file}"));
                let own = own.and_then(|own| own.contents_utf8());
                assert!(own.is_some_and(|own| own != &*text), "{name} changes {file}");
            }
        }
    }

    #[test]
    fn a_step_lies_over_the_steps_before_it() {
        let scenario = ScenarioText::of(&[&[("a", "1"), ("b", "1")], &[("a", "2")]]);
        let texts = |step| -> Vec<_> {
            scenario
                .files_at(step)
                .into_iter()
                .map(|(name, text)| format!("{name}{text}"))
                .collect()
        };
        assert_eq!(texts(1), ["a1", "b1"]);
        assert_eq!(texts(2), ["a2", "b1"]);
    }
}
