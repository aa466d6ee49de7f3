//! The compiler's target for the browser, added when it is missing.

use std::{path::Path, process::Command};

use anyhow::{Context, bail};

use super::TARGET;
use crate::workspace::{Workspace, find_program, output_of, run};

/// Adds the wasm32 target to the toolchain in use.
///
/// A toolchain file that lists the target is not enough: rustup may be told not to install by itself.
pub(crate) fn ensure_target(workspace: &Workspace) -> anyhow::Result<()> {
    let mut rustc = Command::new("rustc");
    rustc
        .current_dir(&workspace.root)
        .args(["--print", "target-libdir", "--target", TARGET]);
    let libraries = output_of(&mut rustc).context("the Rust compiler does not answer")?;
    if Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    if find_program("rustup").is_none() {
        bail!(
            "the Rust standard library for {TARGET} is missing, and there is no rustup to add it: \
             install it with what installed Rust (Debian: libstd-rust-dev-wasm32), or install Rust by rustup"
        );
    }
    println!("adding the target {TARGET} to the Rust toolchain");
    let mut rustup = Command::new("rustup");
    run(rustup
        .current_dir(&workspace.root)
        .args(["target", "add", TARGET]))
    .with_context(|| format!("cannot add {TARGET}; try by hand: rustup target add {TARGET}"))
}
