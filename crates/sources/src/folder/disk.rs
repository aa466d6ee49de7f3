//! Reading folders, within bounds.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A file larger than this is not read: ten times what a Kubernetes API server takes for one object.
pub(super) const MAX_FILE_BYTES: u64 = 16 << 20;
/// Files that are read of one folder: a mesh of thousands of services with a file each.
pub(super) const MAX_FILES: usize = 20_000;
/// Folders within folders.
const MAX_DEPTH: usize = 16;

/// Whether a file is config by its name. Hidden files are drafts of editors and tools.
pub(super) fn is_config(name: &Path) -> bool {
    let hidden = name
        .components()
        .any(|part| part.as_os_str().to_string_lossy().starts_with('.'));
    let extension = name.extension().and_then(|extension| extension.to_str());
    // Kustomize's own file has a kind, but is no object of the mesh.
    let kustomize = name.file_stem().is_some_and(|stem| stem == "kustomization");
    !hidden && !kustomize && matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Name relative to the root, with `/` on every system.
pub(super) fn relative(root: &Path, path: &Path) -> Option<PathBuf> {
    path.strip_prefix(root).ok().map(Path::to_owned)
}

/// The name as it is shown.
pub(super) fn shown(name: &Path) -> String {
    let parts: Vec<String> = name
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    parts.join("/")
}

/// All config files of a folder by shown name, and whether there are more than are read.
pub(super) fn list(root: &Path) -> io::Result<(BTreeMap<String, PathBuf>, bool)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![(root.to_owned(), 0)];
    while let Some((dir, depth)) = waiting.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            // Gone while we looked; the root itself must be there.
            Err(_) if dir != root => continue,
            Err(error) => return Err(error),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Some(name) = relative(root, &path) else {
                continue;
            };
            // Links to folders are not followed: they may lead in a circle.
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_dir && depth < MAX_DEPTH && !entry.file_name().to_string_lossy().starts_with('.') {
                waiting.push((path, depth + 1));
            } else if !is_dir && is_config(&name) && path.is_file() {
                found.insert(shown(&name), path);
                if found.len() > MAX_FILES {
                    return Ok((found, true));
                }
            }
        }
    }
    Ok((found, false))
}

/// The text of a file; `None` when it is gone.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("the file cannot be read: {error}")),
    };
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("the file cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!(
            "the file is larger than {} MiB; split it",
            MAX_FILE_BYTES >> 20
        ));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        format!(
            "the file is no UTF-8 text (byte {}); save it as UTF-8",
            error.utf8_error().valid_up_to()
        )
    })
}
