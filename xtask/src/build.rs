//! `cargo xtask build`: what a release ships, in `target/dist`.

use std::{env::consts::EXE_SUFFIX, fs, path::Path};

use anyhow::Context;

use crate::{
    progress::Progress,
    wasm,
    workspace::{Workspace, run},
};

/// Steps that [`build_release`] announces.
pub(crate) const STEPS: usize = wasm::STEPS + 1;

/// The programs of a release. The first finds the second beside itself.
pub(crate) const PROGRAMS: [&str; 2] = ["vigla", "vigla-proxy"];

/// Builds the browser part, then both programs around it.
pub(crate) fn build_release(workspace: &Workspace, progress: &mut Progress) -> anyhow::Result<()> {
    wasm::build_web(workspace, wasm::Flavour::Release, progress)?;

    progress.step("compile the programs (minutes the first time)");
    let mut cargo = workspace.cargo(["build", "--locked", "--release"]);
    cargo.args(["--package", "vigla-server", "--package", "vigla-proxy", "--bins"]);
    // Cargo sees when a file that is embedded changes, but not when one comes: the server reads this
    // variable at compile time, so it is built again when it is another.
    cargo.env("VIGLA_WEB_DIGEST", wasm::digest_web(workspace)?);
    run(&mut cargo)?;

    let dist = workspace.dist();
    fs::create_dir_all(&dist).with_context(|| format!("cannot make {}", dist.display()))?;
    for program in PROGRAMS {
        let name = format!("{program}{EXE_SUFFIX}");
        install(
            &workspace.cargo_target.join("release").join(&name),
            &dist.join(&name),
        )?;
    }
    progress.finish(&format!("built {}", dist.display()));
    Ok(())
}

/// Puts a program in place by renaming, so that one that still runs from there is not disturbed.
fn install(from: &Path, to: &Path) -> anyhow::Result<()> {
    let draft = to.with_extension("new");
    fs::copy(from, &draft)
        .and_then(|_| fs::rename(&draft, to))
        .with_context(|| format!("cannot put {} in place", to.display()))
}
