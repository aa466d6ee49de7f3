//! Which texts are meant, and the names that places in them are told with.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use vigla_config::{MeshSettings, Node, read_documents};

/// A text and its name.
pub(super) struct File {
    pub(super) name: String,
    pub(super) text: String,
}

/// Files of one run; a repository with more is mostly not config.
const MOST_FILES: usize = 20_000;
/// Levels of folders; a link that leads in a circle ends there.
const MOST_LEVELS: usize = 32;

/// Reads what the paths name: files as they are, folders with all that ends in `.yaml`, `.yml` or `.json`, in order
/// of their names.
///
/// # Errors
/// When a path cannot be read, or is no text.
pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<File>> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("cannot read standard input as UTF-8 text")?;
            found.push(File {
                name: "-".to_owned(),
                text,
            });
        } else if path.is_dir() {
            walk(path, 0, &mut found)?;
        } else {
            found.push(read_one(path)?);
        }
    }
    if found.is_empty() {
        bail!("there are no files that end in .yaml, .yml or .json: name some, or - for standard input");
    }
    Ok(found)
}

fn read_one(path: &Path) -> anyhow::Result<File> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    Ok(File { name, text })
}

fn walk(folder: &Path, level: usize, found: &mut Vec<File>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()
        .with_context(|| format!("cannot read {}", folder.display()))?;
    paths.sort();
    for path in paths {
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_config = path
            .extension()
            .is_some_and(|end| matches!(end.to_str(), Some("yaml" | "yml" | "json")));
        if hidden {
            continue;
        }
        if path.is_dir() && level < MOST_LEVELS {
            walk(&path, level + 1, found)?;
        } else if path.is_file() && is_config {
            if found.len() >= MOST_FILES {
                bail!("there are more than {MOST_FILES} files; name the folders with config");
            }
            found.push(read_one(&path)?);
        }
    }
    Ok(())
}

/// Takes the names that a MeshConfig tells: by itself, or in the ConfigMap `istio`.
///
/// # Errors
/// When the text is no YAML.
pub(super) fn take_mesh_config(file: &str, text: &str, settings: &mut MeshSettings) -> anyhow::Result<()> {
    let found = read_documents(file, text);
    if let Some(error) = found.errors.first() {
        bail!("{error}");
    }
    let Some(document) = found.documents.first() else {
        bail!("{file} is empty: it is to hold a MeshConfig");
    };
    let root = document.root();
    if root.get("kind").and_then(Node::text) == Some("ConfigMap") {
        let mesh = root.get("data").and_then(|data| data.get("mesh")?.text());
        return match mesh {
            Some(mesh) => take_mesh_config(&format!("{file} (data.mesh)"), mesh, settings),
            None => bail!("{file} has no `data.mesh`"),
        };
    }
    if let Some(namespace) = root.get("rootNamespace").and_then(Node::text) {
        settings.root_namespace = namespace.into();
    }
    if let Some(domain) = root.get("trustDomain").and_then(Node::text) {
        settings.trust_domain = domain.to_owned();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mesh_config_is_read_by_itself_and_from_its_config_map() {
        for text in [
            "rootNamespace: mesh\ntrustDomain: example.org\n",
            "kind: ConfigMap\ndata:\n  mesh: |\n    rootNamespace: mesh\n    trustDomain: example.org\n",
        ] {
            let mut settings = MeshSettings::default();
            take_mesh_config("mesh.yaml", text, &mut settings).unwrap();
            assert_eq!(settings.root_namespace, "mesh");
            assert_eq!(settings.trust_domain, "example.org");
        }
        assert!(take_mesh_config("mesh.yaml", "kind: ConfigMap", &mut MeshSettings::default()).is_err());
    }
}
