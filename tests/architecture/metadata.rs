//! The workspace as cargo sees it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::Value;

/// All packages of the workspace, read once for all tests.
pub(crate) static WORKSPACE: LazyLock<Workspace> = LazyLock::new(Workspace::read);

pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) members: BTreeMap<String, Member>,
}

/// A package of ours.
pub(crate) struct Member {
    pub(crate) folder: PathBuf,
    /// What it needs to be built and run: normal and build dependencies, by name.
    pub(crate) needs: BTreeSet<String>,
}

/// A package that is compiled for something, as `cargo tree` lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Compiled {
    pub(crate) name: String,
    pub(crate) version: String,
    /// SPDX expression; empty when the package states none.
    pub(crate) license: String,
}

impl Workspace {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("tests/ lies in the root")
            .to_owned();
        let metadata = cargo(&root, &["metadata", "--no-deps", "--format-version=1"]);
        let metadata: Value = serde_json::from_str(&metadata).expect("cargo answers with JSON");
        let members = list(&metadata["packages"]).map(read_member).collect();
        Self { root, members }
    }

    /// The members among the needs of one.
    pub(crate) fn arrows_of(&self, name: &str) -> impl Iterator<Item = &str> {
        let needs = self.members[name].needs.iter().map(String::as_str);
        needs.filter(|need| self.members.contains_key(*need))
    }

    /// What is compiled for these packages, with the features of exactly this selection.
    pub(crate) fn compiled_for(&self, selection: &[&str]) -> BTreeSet<Compiled> {
        let mut arguments = vec!["tree", "--locked", "--prefix=none", "--format={p}|{l}"];
        arguments.extend(selection);
        cargo(&self.root, &arguments)
            .lines()
            .filter_map(parse_compiled)
            .collect()
    }
}

fn read_member(package: &Value) -> (String, Member) {
    let manifest = Path::new(
        package["manifest_path"]
            .as_str()
            .expect("cargo names the manifest"),
    );
    let needs = list(&package["dependencies"])
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| text(&dependency["name"]));
    let folder = manifest.parent().expect("a manifest lies in a folder").to_owned();
    (
        text(&package["name"]),
        Member {
            folder,
            needs: needs.collect(),
        },
    )
}

/// A line like `http v1.5.0|MIT OR Apache-2.0`; marks such as `(*)` and `(proc-macro)` may follow the version.
fn parse_compiled(line: &str) -> Option<Compiled> {
    let (package, license) = line.split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?);
    let license = license.trim_end_matches("(*)").trim();
    Some(Compiled {
        name: name.into(),
        version: version.into(),
        license: license.into(),
    })
}

fn cargo(root: &Path, arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .current_dir(root)
        .args(arguments)
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
