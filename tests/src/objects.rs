//! The mesh's objects as they lie in a folder.

use std::{fs, path::Path, sync::Arc};

use vigla_config::{Object, read_objects};

/// All objects of a folder's files, in order of their names.
///
/// # Panics
/// When a file cannot be read.
pub fn read_folder(folder: &Path) -> Vec<Arc<Object>> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    paths.sort();
    let read = paths.iter().flat_map(|path| {
        let text = fs::read_to_string(path).expect("it was listed");
        let read = read_objects(&path.display().to_string(), &text);
        assert_eq!(read.errors, []);
        read.objects
    });
    read.collect()
}
