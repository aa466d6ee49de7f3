//! `cargo xtask dev`: a running demo whose browser part is rebuilt at every change.
//!
//! The server is a development build: it reads `target/web` from disk, so a reload of the page shows
//! the new browser part. Changes of the server's own crates need a restart.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, ExitCode},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::Context;

use crate::{
    progress::Progress,
    wasm::{self, Flavour},
    workspace::{Workspace, run},
};

/// What the browser part is made from.
const WATCHED: [&str; 8] = [
    "assets/web",
    "crates/api",
    "crates/graph",
    "crates/layout",
    "crates/model",
    "crates/scene",
    "crates/config",
    "frontend",
];

/// How often the watched folders are looked through: a few hundred files, a few milliseconds.
const PERIOD: Duration = Duration::from_millis(500);

type Dates = BTreeMap<PathBuf, SystemTime>;

/// Builds both parts, starts the demo and rebuilds until the demo ends.
pub(crate) fn run_dev(workspace: &Workspace, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let mut seen = read_dates(workspace);
    wasm::build_web(workspace, Flavour::Dev, &mut Progress::new(wasm::STEPS))?;
    let mut demo = start_demo(workspace, arguments)?;
    loop {
        thread::sleep(PERIOD);
        if let Some(status) = demo.try_wait()? {
            println!("the demo ended with {status}");
            return Ok(if status.success() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        let now = read_dates(workspace);
        if now != seen {
            seen = now;
            match wasm::build_web(workspace, Flavour::Dev, &mut Progress::new(wasm::STEPS)) {
                Ok(()) => println!("rebuilt: reload the page"),
                Err(error) => println!("not rebuilt: {error:#}"),
            }
        }
    }
}

fn start_demo(workspace: &Workspace, arguments: &[OsString]) -> anyhow::Result<Child> {
    run(&mut workspace.cargo([
        "build",
        "--package",
        "vigla-server",
        "--package",
        "vigla-proxy",
        "--bins",
    ]))?;
    let program = workspace.cargo_target.join("debug").join("vigla");
    let mut demo = std::process::Command::new(&program);
    demo.arg("demo")
        .args(arguments)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

/// When each watched file was last written; a file that goes or comes is a change too.
fn read_dates(workspace: &Workspace) -> Dates {
    let mut dates = Dates::new();
    for folder in WATCHED {
        collect_dates(&workspace.root.join(folder), &mut dates);
    }
    dates
}

fn collect_dates(folder: &Path, dates: &mut Dates) {
    // A folder that cannot be read just now is looked at again in half a second.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            collect_dates(&entry.path(), dates);
        } else if let Ok(modified) = metadata.modified() {
            dates.insert(entry.path(), modified);
        }
    }
}
