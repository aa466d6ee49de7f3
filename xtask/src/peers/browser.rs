//! A real browser with its WebDriver, and axe-core, which judges pages for accessibility.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use super::install_packages;
use crate::workspace::{Workspace, find_program, run};

/// Chromium and the driver of the same version.
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Debian's Chromium, installed if it is not there.
pub(crate) fn ensure_browser() -> anyhow::Result<Browser> {
    if let Some(browser) = find_browser() {
        return Ok(browser);
    }
    install_packages(&["chromium", "chromium-driver"])?;
    find_browser().context("Chromium is installed, but chromium and chromedriver are not on PATH")
}

fn find_browser() -> Option<Browser> {
    Some(Browser {
        chromium: find_program("chromium")?,
        driver: find_program("chromedriver")?,
    })
}

/// The script of axe-core, by the lockfile in `tests/axe`.
pub(crate) fn ensure_axe(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let source = workspace.root.join("tests/axe");
    let folder = workspace.target().join("axe");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if script.is_file() && same_lock(&source, &folder) {
        return Ok(script);
    }
    if find_program("npm").is_none() {
        install_packages(&["npm"]).context("axe-core comes from npm")?;
    }
    fs::create_dir_all(&folder)?;
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(source.join(name), folder.join(name))
            .with_context(|| format!("cannot copy tests/axe/{name}"))?;
    }
    println!("fetching axe-core");
    let mut npm = Command::new("npm");
    npm.current_dir(&folder)
        .args(["ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run(&mut npm).context("cannot fetch axe-core")?;
    Ok(script)
}

fn same_lock(source: &Path, folder: &Path) -> bool {
    let lock = |folder: &Path| fs::read(folder.join("package-lock.json")).ok();
    lock(source).is_some() && lock(source) == lock(folder)
}
