//! `config`: where the mesh's config comes from.

use std::path::PathBuf;

use super::Section;

/// Where the mesh's config comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigSettings {
    /// Folders of YAML; files of later ones stand in place of those with the same name in earlier ones.
    pub folders: Vec<PathBuf>,
}

impl ConfigSettings {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let one = section.path("folder");
        let more = section.paths("folders");
        if one.is_some() && !more.is_empty() {
            section.refuse("folder", "and `folders` exclude each other");
        }
        let folders: Vec<PathBuf> = one.into_iter().chain(more).collect();
        if let Some(missing) = folders.iter().find(|folder| !folder.is_dir()) {
            section.refuse(
                "folder",
                &format!("names `{}`, which is no folder", missing.display()),
            );
        }
        Self { folders }
    }
}
