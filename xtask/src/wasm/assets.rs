//! Files that are taken as they are, styles that are joined, and the folder's housekeeping.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

/// Values first, then the ground, then what builds on both.
const FIRST_STYLES: [&str; 2] = ["css/tokens.css", "css/base.css"];

/// All files of a folder and its subfolders by relative name, sorted; none when there is no folder.
pub(super) fn read_static(folder: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for path in find_files(folder)? {
        let name = path.strip_prefix(folder).expect("found below this folder");
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        files.push((name.to_string_lossy().replace('\\', "/"), content));
    }
    Ok(files)
}

/// One style sheet from the frontend's: tokens, base, the other general ones, then those that lie beside
/// their components, each group in the order of its paths.
pub(super) fn join_styles(frontend: &Path) -> anyhow::Result<String> {
    let mut sheets: Vec<PathBuf> = FIRST_STYLES.map(|name| frontend.join(name)).into();
    sheets.retain(|path| path.exists());
    for folder in ["css", "src"] {
        for path in find_files(&frontend.join(folder))? {
            if path.extension().is_some_and(|extension| extension == "css") && !sheets.contains(&path) {
                sheets.push(path);
            }
        }
    }
    let mut joined = String::new();
    for path in sheets {
        let sheet = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        joined.push_str(sheet.trim());
        joined.push('\n');
    }
    Ok(joined)
}

/// Removes what an earlier build left and this one does not have.
pub(super) fn remove_others(folder: &Path, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    let wanted: BTreeSet<PathBuf> = files.iter().map(|(name, _)| folder.join(name)).collect();
    for path in find_files(folder)? {
        if !wanted.contains(&path) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// A WebAssembly module without its custom sections (names, producers), which only debuggers read.
/// wasm-bindgen does this for the application; the worker is used as the compiler wrote it.
pub(super) fn strip_custom_sections(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    const HEADER: usize = 8;
    if module.len() < HEADER || !module.starts_with(b"\0asm") {
        bail!("the worker is not a WebAssembly module");
    }
    let (header, mut rest) = module.split_at(HEADER);
    let mut stripped = header.to_vec();
    while let Some((&id, after_id)) = rest.split_first() {
        let (size, length) = read_leb128(after_id).context("a section of the worker has no size")?;
        let section = rest
            .get(..1 + length + size)
            .context("a section of the worker is cut off")?;
        if id != 0 {
            stripped.extend_from_slice(section);
        }
        rest = &rest[section.len()..];
    }
    Ok(stripped)
}

/// An unsigned number in LEB128 and how many bytes it takes.
fn read_leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, index + 1));
        }
    }
    None
}

/// All files below a folder, sorted.
pub(super) fn find_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_sections_are_dropped_and_the_others_kept_in_order() {
        let module = [
            b"\0asm\x01\0\0\0",
            &[1, 2, 9, 9][..],
            &[0, 3, 1, b'n', 7],
            &[10, 1, 4],
        ]
        .concat();
        let stripped = strip_custom_sections(&module).unwrap();
        assert_eq!(
            stripped,
            [b"\0asm\x01\0\0\0", &[1, 2, 9, 9][..], &[10, 1, 4]].concat()
        );
    }

    #[test]
    fn a_module_that_is_cut_off_is_an_error() {
        let error = strip_custom_sections(b"\0asm\x01\0\0\0\x01\x05\x00").unwrap_err();
        assert_eq!(error.to_string(), "a section of the worker is cut off");
    }
}
