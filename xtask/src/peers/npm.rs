//! Packages of npm: axe-core, which judges pages for accessibility, and the layout engines that ours is measured beside.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use super::install_packages;
use crate::workspace::{Workspace, find_program, run, write_if_changed};

/// The script of axe-core, by the lockfile in `tests/axe`.
pub(crate) fn ensure_axe(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = ensure_packages(workspace, "tests/axe", "axe")?;
    Ok(folder.join("node_modules/axe-core/axe.min.js"))
}

/// The folder with dagre, ELK and the script that drives them and our engine, by the lockfile in `tests/peers/layout`.
pub(crate) fn ensure_layout_engines(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = ensure_packages(workspace, "tests/peers/layout", "layout-peers")?;
    let script = fs::read(workspace.root.join("tests/peers/layout/layout.mjs"))?;
    write_if_changed(&folder.join("layout.mjs"), &script)?;
    Ok(folder)
}

/// Fetches what the lockfile in `source` names to a folder of that `name` under `target`.
fn ensure_packages(workspace: &Workspace, source: &str, name: &str) -> anyhow::Result<PathBuf> {
    let from = workspace.root.join(source);
    let folder = workspace.target().join(name);
    // npm writes this file last.
    if folder.join("node_modules/.package-lock.json").is_file() && same_lock(&from, &folder) {
        return Ok(folder);
    }
    if find_program("npm").is_none() {
        install_packages(&["npm"]).with_context(|| format!("the packages of {source} come from npm"))?;
    }
    fs::create_dir_all(&folder)?;
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(from.join(name), folder.join(name))
            .with_context(|| format!("cannot copy {source}/{name}"))?;
    }
    println!("fetching the packages of {source}");
    let mut npm = Command::new("npm");
    npm.current_dir(&folder)
        .args(["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run(&mut npm).with_context(|| format!("cannot fetch the packages of {source}"))?;
    Ok(folder)
}

fn same_lock(source: &Path, folder: &Path) -> bool {
    let lock = |folder: &Path| fs::read(folder.join("package-lock.json")).ok();
    lock(source).is_some() && lock(source) == lock(folder)
}
