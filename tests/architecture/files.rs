//! Rules for files: what every manifest inherits, and what no tracked file says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{metadata::WORKSPACE, refuse};

/// Rust files below a folder.
pub(crate) fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A source file up to its tests, which stand last by the rules of the house; nothing of a file of tests.
pub(crate) fn without_tests<'a>(path: &Path, source: &'a str) -> &'a str {
    let only_tests = path.iter().any(|part| part == "tests" || part == "tests.rs");
    if only_tests {
        ""
    } else {
        source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default()
    }
}

/// Files under version control; `None` where there is none, as in an unpacked archive.
fn tracked_files() -> Option<Vec<PathBuf>> {
    let output = Command::new("git")
        .current_dir(&WORKSPACE.root)
        .args(["ls-files", "-z"])
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    let names = names.split('\0').filter(|name| !name.is_empty());
    Some(
        names
            .map(|name| WORKSPACE.root.join(name))
            .filter(|path| path.is_file())
            .collect(),
    )
}

#[test]
fn every_manifest_inherits_lints_and_package_fields() {
    let mut complaints = Vec::new();
    for (name, member) in &WORKSPACE.members {
        let manifest = fs::read_to_string(member.folder.join("Cargo.toml")).expect("members have a manifest");
        let manifest: toml::Table = toml::from_str(&manifest).expect("cargo has read it too");
        let inherited = |table: &str, field: &str| {
            let value = manifest.get(table).and_then(|table| table.get(field));
            value
                .and_then(|value| value.get("workspace"))
                .and_then(toml::Value::as_bool)
                == Some(true)
        };
        for field in ["version", "edition", "rust-version", "license", "publish"] {
            if !inherited("package", field) {
                complaints.push(format!("{name}: package.{field} is not inherited"));
            }
        }
        let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        if lints.and_then(toml::Value::as_bool) != Some(true) {
            complaints.push(format!("{name}: lints are not inherited"));
        }
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for dependency in manifest
                .get(table)
                .and_then(toml::Value::as_table)
                .into_iter()
                .flatten()
            {
                if dependency.1.get("workspace").is_none() {
                    complaints.push(format!("{name}: {} has a version of its own", dependency.0));
                }
            }
        }
    }
    refuse("manifests that do not follow the root's", &complaints);
}

#[test]
fn no_file_names_a_machine_or_a_registry_host() {
    // Put together here, so that this file does not find itself.
    let words: Vec<String> = [
        ["/ro", "ot/"],
        ["/ho", "me/"],
        [" /wo", "rk/"],
        ["\"/wo", "rk/"],
        ["py", "pi.org"],
        ["registry.npm", "js"],
        ["static.crates", ".io"],
        ["index.crates", ".io"],
        ["deb.deb", "ian.org"],
        ["proxy.go", "lang.org"],
    ]
    .map(|halves| halves.concat())
    .into();
    let Some(files) = tracked_files() else {
        eprintln!("skipped: this is no git checkout");
        return;
    };
    let mut complaints = Vec::new();
    for path in files {
        // Pictures are not text.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                complaints.push(format!("{}:{}: {word}", path.display(), index + 1));
            }
        }
    }
    refuse("paths or hosts of one machine", &complaints);
}

#[test]
fn modules_and_exceptions_have_the_form_of_the_house() {
    let mut complaints = Vec::new();
    for member in WORKSPACE.members.values() {
        for path in source_files(&member.folder) {
            // Built files of the root's own target folder are not ours.
            if path.starts_with(WORKSPACE.root.join("target")) {
                continue;
            }
            if path.file_name().is_some_and(|name| name == "mod.rs") {
                complaints.push(format!("{}: `foo.rs` beside `foo/`, no mod.rs", path.display()));
            }
            let source = fs::read_to_string(&path).expect("source files are text");
            let allow = ["#[al", "low("].concat();
            for (index, line) in source.lines().enumerate() {
                // A macro may need one that some of its expansions do not use.
                if line.trim_start().starts_with(&allow) && !line.contains("reason = ") {
                    complaints.push(format!(
                        "{}:{}: use expect, with a reason",
                        path.display(),
                        index + 1
                    ));
                }
            }
            // Tests beside the code are about the file that they belong to.
            let needs_no_words = path.file_name().is_some_and(|name| name == "tests.rs");
            if !needs_no_words && !source.starts_with("//!") && !source.starts_with("#!") {
                complaints.push(format!(
                    "{}: the first lines say what a file is for",
                    path.display()
                ));
            }
        }
    }
    refuse("files that do not follow the house", &complaints);
}

#[test]
fn unsafe_code_is_only_in_the_worker() {
    let mut complaints = Vec::new();
    for (name, member) in &WORKSPACE.members {
        for path in source_files(&member.folder.join("src")) {
            let source = fs::read_to_string(&path).expect("source files are text");
            if name != "vigla-worker" && source.contains("unsafe_code") {
                complaints.push(path.display().to_string());
            }
        }
    }
    refuse("exceptions from the ban on unsafe code", &complaints);
}
