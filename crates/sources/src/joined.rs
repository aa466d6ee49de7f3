//! Two config sources as one.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinHandle};

use crate::{ConfigSource, ConfigState};

/// One source with another beside it, whose objects stand in place of the first one's of the same name.
pub struct JoinedSource {
    name: String,
    state: watch::Receiver<Arc<ConfigState>>,
    task: JoinHandle<()>,
}

impl JoinedSource {
    /// Follows both for as long as it lives. Must be called within a runtime.
    pub fn new(below: Arc<dyn ConfigSource>, above: Arc<dyn ConfigSource>) -> Self {
        let name = below.name().to_owned();
        let (mut first, mut second) = (below.watch(), above.watch());
        let joined = join(&first.borrow_and_update(), &second.borrow_and_update());
        let (sender, state) = watch::channel(Arc::new(joined));
        let task = tokio::spawn(async move {
            // They follow what they read as long as they live.
            let _sources = (below, above);
            loop {
                let changed = tokio::select! {
                    changed = first.changed() => changed,
                    changed = second.changed() => changed,
                };
                if changed.is_err() {
                    return;
                }
                let joined = join(&first.borrow_and_update(), &second.borrow_and_update());
                sender.send_replace(Arc::new(joined));
            }
        });
        Self { name, state, task }
    }
}

fn join(below: &ConfigState, above: &ConfigState) -> ConfigState {
    let both = |one: &ConfigState| {
        (
            one.files.clone(),
            one.errors.clone(),
            one.notes.clone(),
            one.instances.clone(),
        )
    };
    let ((mut files, mut errors, mut notes, mut instances), more) = (both(below), both(above));
    files.extend(more.0);
    errors.extend(more.1);
    notes.extend(more.2);
    instances.extend(more.3);
    // Both only rise; before both have a first state there is none.
    let known = below.revision > 0 && above.revision > 0;
    ConfigState {
        revision: if known {
            below.revision + above.revision - 1
        } else {
            0
        },
        files,
        errors,
        notes,
        instances,
    }
}

impl ConfigSource for JoinedSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn watch(&self) -> watch::Receiver<Arc<ConfigState>> {
        self.state.clone()
    }
}

impl Drop for JoinedSource {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, time::Duration};

    use vigla_config::{MeshSettings, Snapshot};

    use super::*;
    use crate::FolderSource;

    fn service(folder: &Path, file: &str, name: &str, port: u16) {
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{ports: [{{port: {port}}}]}}\n"
        );
        fs::write(folder.join(file), text).unwrap();
    }

    fn ports(state: &ConfigState) -> Vec<u16> {
        let snapshot = Snapshot::build(state.objects(), Vec::new(), MeshSettings::default());
        let services = snapshot.services().iter();
        services
            .flat_map(|service| service.ports.iter().map(|port| port.port))
            .collect()
    }

    #[tokio::test]
    async fn the_upper_source_wins_and_changes_of_both_arrive() {
        let (below, above) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        service(below.path(), "a.yaml", "cart", 80);
        service(below.path(), "b.yaml", "pay", 90);
        let open = |folder: &tempfile::TempDir| Arc::new(FolderSource::open(&[folder.path()]).unwrap());
        let joined = JoinedSource::new(open(&below), open(&above));
        let mut states = joined.watch();
        assert_eq!(
            (states.borrow().revision, ports(&states.borrow())),
            (1, vec![80, 90])
        );
        service(above.path(), "z.yaml", "cart", 81);
        let soon = Duration::from_secs(10);
        let seen = tokio::time::timeout(soon, states.wait_for(|state| ports(state) == [81, 90])).await;
        assert_eq!(seen.unwrap().unwrap().revision, 2);
        service(below.path(), "b.yaml", "pay", 91);
        let seen = tokio::time::timeout(soon, states.wait_for(|state| ports(state) == [81, 91])).await;
        assert!(seen.unwrap().unwrap().revision > 2);
    }
}
