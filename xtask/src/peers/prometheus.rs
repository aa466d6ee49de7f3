//! Prometheus of Debian, for measurements: one binary that needs only the C library.
//!
//! The package is unpacked, not installed: installing it would make a user and start a server on all addresses.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use super::cache;
use crate::workspace::{find_program, output_of, run};

/// Prometheus as it was fetched, or as `VIGLA_PROMETHEUS` or the PATH names it.
fn find_prometheus() -> Option<PathBuf> {
    let named = env::var_os("VIGLA_PROMETHEUS").map(PathBuf::from);
    let fetched = cache().ok().map(|cache| binary_in(&cache));
    named
        .or(fetched)
        .filter(|path| path.is_file())
        .or_else(|| find_program("prometheus"))
}

/// [`find_prometheus`], fetched if it is not there.
pub(crate) fn ensure_prometheus() -> anyhow::Result<PathBuf> {
    if let Some(prometheus) = find_prometheus() {
        return Ok(prometheus);
    }
    let by_hand = "install Prometheus and name it in VIGLA_PROMETHEUS";
    if find_program("apt-get").is_none() || find_program("dpkg-deb").is_none() {
        bail!("Prometheus comes as a package of Debian, and there is no apt-get here; {by_hand}");
    }
    let cache = cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let draft = tempfile::tempdir_in(&cache)?;
    println!("fetching Debian's package prometheus (19 MB)");
    // Package lists of a fresh machine are empty, and updating them takes root: the download says what is missing.
    let mut apt = Command::new("apt-get");
    apt.current_dir(draft.path())
        .args(["--quiet=2", "download", "prometheus"]);
    run(&mut apt).with_context(|| format!("cannot fetch it (`apt-get update` first?); or {by_hand}"))?;
    let package = fs::read_dir(draft.path())?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get has stored the package")?;
    let unpacked = draft.path().join("unpacked");
    run(Command::new("dpkg-deb").arg("-x").args([&package, &unpacked]))?;
    let unpacked = unpacked.join("usr/bin/prometheus");
    output_of(Command::new(&unpacked).arg("--version")).context("this Prometheus does not run here")?;
    let binary = binary_in(&cache);
    fs::create_dir_all(cache.join("prometheus"))?;
    fs::rename(unpacked, &binary)?;
    Ok(binary)
}

fn binary_in(cache: &Path) -> PathBuf {
    cache.join("prometheus").join("prometheus")
}
