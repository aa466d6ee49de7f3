//! `cargo xtask bench`: finds the measurements and runs those that are named.
//!
//! A measurement is a bench target named `bench_…` of some package; what it measures and its bar
//! stand in `docs/benchmarks.md`.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};

use crate::{
    build, peers,
    progress::Progress,
    wasm,
    workspace::{Workspace, output_of, run},
};

/// The package whose measurements only drive the built programs: itself it need not be fast.
const DRIVERS: &str = "vigla-tests";

/// Packages whose measurements start the built programs.
const STARTERS: [&str; 2] = [DRIVERS, "vigla-demo"];

/// One bench target of the workspace.
struct Bench {
    package: String,
    name: String,
    features: Vec<String>,
}

/// Runs the measurement of the first argument with the others, or lists all.
pub(crate) fn run_bench(workspace: &Workspace, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let benches = find_benches(workspace)?;
    let Some((wanted, arguments)) = arguments.split_first() else {
        println!("usage: cargo xtask bench NAME|all [ARGUMENTS]; measurements:");
        for bench in &benches {
            println!("  {} ({})", bench.name, bench.package);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let chosen: Vec<&Bench> = benches
        .iter()
        .filter(|bench| wanted == "all" || *wanted == *bench.name)
        .collect();
    if chosen.is_empty() {
        bail!(
            "there is no measurement `{}`; `cargo xtask bench` lists them",
            wanted.to_string_lossy()
        );
    }
    // Measured is what a release ships, beside the real peers.
    if chosen.iter().any(|bench| STARTERS.contains(&&*bench.package)) {
        build::build_release(workspace, &mut Progress::new(build::STEPS))?;
    }
    let peers = Peers::find(workspace, &chosen);
    let mut failed = false;
    for bench in chosen {
        let mut cargo = workspace.cargo(["bench", "--package", &bench.package, "--bench", &bench.name]);
        if bench.package == DRIVERS {
            cargo.args(["--profile", "dev"]);
        }
        if !bench.features.is_empty() {
            cargo.arg("--features").arg(bench.features.join(","));
        }
        cargo.arg("--").args(arguments);
        for (variable, program) in build::PROGRAMS
            .iter()
            .map(|name| (variable_of(name), workspace.dist().join(name)))
        {
            cargo.env(variable, program);
        }
        cargo.envs(peers.0.iter().cloned());
        // One that cannot be taken keeps none of the others back.
        if let Err(error) = run(&mut cargo) {
            println!("{}: {error:#}", bench.name);
            failed = true;
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Programs that ours are compared with, by the variable that names each.
struct Peers(Vec<(&'static str, PathBuf)>);

impl Peers {
    /// Fetches what the chosen measurements need. What cannot be had is said aloud; the measurement says it again.
    fn find(workspace: &Workspace, chosen: &[&Bench]) -> Self {
        let wanted = |name: &str| chosen.iter().any(|bench| bench.name == name);
        let mut found = Vec::new();
        let mut take = |variable, program: anyhow::Result<PathBuf>| match program {
            Ok(program) => found.push((variable, program)),
            Err(error) => println!("{variable}: {error:#}"),
        };
        if wanted("proxy") {
            take("VIGLA_ENVOY", peers::ensure_envoy(workspace));
        }
        if wanted("graph-cpu") {
            take("VIGLA_PROMETHEUS", peers::ensure_prometheus());
        }
        if wanted("layout") {
            take("VIGLA_LAYOUT_WASM", wasm::build_worker(workspace));
            take("VIGLA_LAYOUT_PEERS", peers::ensure_layout_engines(workspace));
        }
        if wanted("freshness") {
            match peers::ensure_browser() {
                Ok(browser) => {
                    take("CHROMEDRIVER", Ok(browser.driver));
                    take("VIGLA_CHROMIUM", Ok(browser.chromium));
                }
                Err(error) => take("CHROMEDRIVER", Err(error)),
            }
        }
        Self(found)
    }
}

/// `vigla-proxy` is named to tests and measurements in `VIGLA_PROXY_BIN`.
pub(crate) fn variable_of(program: &str) -> String {
    format!("{}_BIN", program.to_uppercase().replace('-', "_"))
}

fn find_benches(workspace: &Workspace) -> anyhow::Result<Vec<Bench>> {
    let metadata = output_of(&mut workspace.cargo(["metadata", "--no-deps", "--format-version=1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let mut benches = Vec::new();
    for package in metadata["packages"].as_array().context("cargo lists packages")? {
        for target in package["targets"].as_array().into_iter().flatten() {
            if target["kind"] == serde_json::json!(["bench"]) {
                let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                let features = target["required-features"].as_array();
                benches.push(Bench {
                    package: text(&package["name"]),
                    name: text(&target["name"]),
                    features: features.into_iter().flatten().map(text).collect(),
                });
            }
        }
    }
    benches.sort_by(|a, b| (&a.name, &a.package).cmp(&(&b.name, &b.package)));
    Ok(benches)
}
