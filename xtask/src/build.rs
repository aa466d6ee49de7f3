//! `cargo xtask build`: what a release ships, in `target/dist`; and the same programs for the demo, built sooner.

use std::{
    env::consts::EXE_SUFFIX,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::{
    progress::Progress,
    wasm,
    workspace::{Workspace, run},
};

/// Steps that [`build_release`] and [`build_demo`] announce.
pub(crate) const STEPS: usize = wasm::STEPS + 1;

/// The programs of a release. The first finds the second beside itself.
pub(crate) const PROGRAMS: [&str; 2] = ["vigla", "vigla-proxy"];

/// Builds the browser part, then both programs around it, as small and fast as they get.
pub(crate) fn build_release(workspace: &Workspace, progress: &mut Progress) -> anyhow::Result<()> {
    let built = compile(workspace, "release", progress)?;
    let dist = workspace.dist();
    fs::create_dir_all(&dist).with_context(|| format!("cannot make {}", dist.display()))?;
    for program in PROGRAMS {
        let name = format!("{program}{EXE_SUFFIX}");
        install(&built.join(&name), &dist.join(&name))?;
    }
    progress.finish(&format!("built {}", dist.display()));
    Ok(())
}

/// The same, but a change is built within seconds; returns the folder where the programs lie.
pub(crate) fn build_demo(workspace: &Workspace, progress: &mut Progress) -> anyhow::Result<PathBuf> {
    let built = compile(workspace, "demo", progress)?;
    progress.finish("built");
    Ok(built)
}

fn compile(workspace: &Workspace, profile: &str, progress: &mut Progress) -> anyhow::Result<PathBuf> {
    wasm::build_web(workspace, wasm::Flavour::Release, progress)?;

    progress.step("compile the programs (minutes the first time)");
    let mut cargo = workspace.cargo(["build", "--locked", "--profile", profile]);
    cargo.args(["--package", "vigla-server", "--package", "vigla-proxy", "--bins"]);
    // Cargo sees when a file that is embedded changes, but not when one comes: the server reads this
    // variable at compile time, so it is built again when it is another.
    cargo.env("VIGLA_WEB_DIGEST", wasm::digest_web(workspace)?);
    run(&mut cargo)?;
    Ok(workspace.cargo_target.join(profile))
}

/// Puts a program in place by renaming, so that one that still runs from there is not disturbed.
fn install(from: &Path, to: &Path) -> anyhow::Result<()> {
    let draft = to.with_extension("new");
    fs::copy(from, &draft)
        .and_then(|_| fs::rename(&draft, to))
        .with_context(|| format!("cannot put {} in place", to.display()))
}
