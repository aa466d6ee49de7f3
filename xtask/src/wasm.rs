//! `cargo xtask wasm`: the browser part, from Rust, CSS and plain files to `target/web`.
//!
//! The folder holds what the server embeds: `index.html` and the other files of `assets/web`,
//! `app.js` and `app_bg.wasm` (the application), `layout.wasm` (the layout engine of the worker),
//! `app.css`, and beside each text or wasm file its `.br` and `.gz`. wasm-bindgen is linked in as a
//! library, so its version is the one in `Cargo.lock` and there is nothing to install.

mod assets;
mod compress;
mod sizes;
mod toolchain;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use sha2::{Digest, Sha256};
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    progress::Progress,
    workspace::{Workspace, run, write_if_changed},
};

pub(crate) use sizes::check_sizes;
pub(crate) use toolchain::ensure_target;

/// Steps that [`build_web`] announces.
pub(crate) const STEPS: usize = 4;

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// What the browser part is built for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Small: fat LTO, precompressed.
    Release,
    /// Built soon: no LTO, nothing precompressed.
    Dev,
}

impl Flavour {
    fn profile(self) -> &'static str {
        match self {
            Self::Release => "wasm",
            Self::Dev => "wasm-dev",
        }
    }
}

/// Brings `target/web` up to date. What is already there with the same content is not touched, so the
/// server is only built again when the browser part changed.
pub(crate) fn build_web(
    workspace: &Workspace,
    flavour: Flavour,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let web = workspace.web();
    fs::create_dir_all(&web).with_context(|| format!("cannot make {}", web.display()))?;

    ensure_target(workspace)?;
    progress.step("compile the browser part (minutes the first time)");
    let built = compile(workspace, flavour, &["vigla-frontend", "vigla-worker"])?;

    progress.step("bind it to JavaScript");
    let mut files = bind(workspace, &built.join("vigla_frontend.wasm"), flavour)?;
    let worker = fs::read(built.join("vigla_worker.wasm")).context("cargo has built the worker")?;
    files.push(("layout.wasm".into(), assets::strip_custom_sections(&worker)?));

    progress.step("join styles and copy files");
    files.push((
        "app.css".into(),
        assets::join_styles(&workspace.root.join("frontend"))?.into_bytes(),
    ));
    files.extend(assets::read_static(&workspace.root.join("assets/web"))?);

    progress.step(match flavour {
        Flavour::Release => "compress",
        Flavour::Dev => "write",
    });
    if flavour == Flavour::Release {
        files.extend(compress::compress_all(
            &files,
            &workspace.target().join("web-cache"),
        )?);
    }
    for (name, content) in &files {
        let path = web.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&web))?;
        write_if_changed(&path, content)?;
    }
    assets::remove_others(&web, &files)?;
    if flavour == Flavour::Release {
        sizes::print_sizes(&web)?;
    }
    Ok(())
}

/// A name for what `target/web` holds: another one when any file is.
pub(crate) fn digest_web(workspace: &Workspace) -> anyhow::Result<String> {
    let mut digest = Sha256::new();
    for (name, content) in assets::read_static(&workspace.web())? {
        digest.update(name);
        digest.update(Sha256::digest(content));
    }
    Ok(hex(&digest.finalize()))
}

/// Builds the layout engine alone, as a release ships it; for measurements.
pub(crate) fn build_worker(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    ensure_target(workspace)?;
    let built = compile(workspace, Flavour::Release, &["vigla-worker"])?;
    let worker = fs::read(built.join("vigla_worker.wasm")).context("cargo has built the worker")?;
    let path = workspace.target().join("web-cache").join("layout.wasm");
    fs::create_dir_all(workspace.target().join("web-cache"))?;
    write_if_changed(&path, &assets::strip_custom_sections(&worker)?)?;
    let files = [("layout.wasm".to_owned(), fs::read(&path)?)];
    let sent = compress::compress_all(&files, &workspace.target().join("web-cache"))?;
    for (name, content) in sent {
        println!("{name}: {:.1} kB", content.len() as f64 / 1000.0);
    }
    Ok(path)
}

/// Compiles packages for the browser; returns the folder with their `.wasm` files.
///
/// They have a target directory of their own: a build for this machine that runs meanwhile (an
/// editor's, a test's) neither waits for this one nor throws its work away.
fn compile(workspace: &Workspace, flavour: Flavour, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let directory = workspace.cargo_target.join("web-build");
    let profile = flavour.profile();
    let mut cargo = workspace.cargo(["build", "--locked", "--target", TARGET, "--profile", profile]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cargo.arg("--target-dir").arg(&directory);
    run(&mut cargo)?;
    Ok(directory.join(TARGET).join(profile))
}

/// Runs wasm-bindgen over the application, unless it did so before for the same bytes.
fn bind(workspace: &Workspace, wasm: &Path, flavour: Flavour) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let input = fs::read(wasm).context("cargo has built the application")?;
    let folder = workspace
        .target()
        .join("web-cache")
        .join(format!("bound-{}", flavour.profile()));
    let stamp = folder.join("input.sha256");
    let digest = hex(&Sha256::digest(&input));
    if fs::read_to_string(&stamp).ok().as_deref() != Some(digest.as_str()) {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let keep_names = flavour == Flavour::Dev;
        Bindgen::new()
            .input_path(wasm)
            .web(true)?
            .typescript(false)
            .remove_name_section(!keep_names)
            .remove_producers_section(true)
            .out_name("app")
            .generate(&folder)
            .context("wasm-bindgen refuses the application")?;
        fs::write(&stamp, &digest)?;
    }
    let mut files = assets::read_static(&folder)?;
    files.retain(|(name, _)| name != "input.sha256");
    Ok(files)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
