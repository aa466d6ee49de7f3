//! The embedded mesh and scenarios, so that one program is all that the demo needs.

use std::{fs, path::Path};

use include_dir::{Dir, include_dir};

use crate::DemoError;

static ASSETS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../assets/demo");

/// The mesh's config: files `mesh/NAME.yaml`.
pub(crate) fn mesh() -> &'static Dir<'static> {
    ASSETS.get_dir("mesh").expect("the mesh is in assets/demo")
}

/// The scenarios: folders `scenarios/NAME`.
pub(crate) fn scenarios() -> &'static Dir<'static> {
    ASSETS
        .get_dir("scenarios")
        .expect("the scenarios are in assets/demo")
}

/// Writes the mesh's files into a folder, which must exist.
pub(crate) fn unpack_mesh(into: &Path) -> Result<(), DemoError> {
    for file in mesh().files() {
        let path = into.join(file.path().file_name().expect("an embedded file has a name"));
        fs::write(&path, file.contents()).map_err(DemoError::file(&path))?;
    }
    Ok(())
}
