//! `cargo xtask test`: everything that must hold before a change lands.
//!
//! Each step says how it went and how long it took; a step that cannot run here says "skipped" with
//! the reason, and the end lists all of them. Steps share what they compile: lints and documentation
//! use the same checked dependencies, unit and end to end tests the same built ones.

mod report;

use std::{
    env,
    path::PathBuf,
    process::{Command, ExitCode},
    str::FromStr,
};

use anyhow::bail;
use clap::Args;

use crate::{
    bench::variable_of,
    build, docs, peers,
    progress::Progress,
    wasm,
    workspace::{Workspace, find_program, output_of, run},
};
use report::{Report, run_and_count};

/// What to run while one works on something; without options everything runs.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Run these steps only: format, lints, browser-lints, dependencies, tests, docs, build, end-to-end.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Step>,
    /// Names of tests to run, and what else the test programs take.
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Format,
    Lints,
    BrowserLints,
    Dependencies,
    Tests,
    Docs,
    Build,
    EndToEnd,
}

/// In the order in which they run: quick answers first.
const STEPS: [(&str, Step); 8] = [
    ("format", Step::Format),
    ("lints", Step::Lints),
    ("browser-lints", Step::BrowserLints),
    ("dependencies", Step::Dependencies),
    ("tests", Step::Tests),
    ("docs", Step::Docs),
    ("build", Step::Build),
    ("end-to-end", Step::EndToEnd),
];

impl FromStr for Step {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = STEPS.iter().find(|(known, _)| *known == name);
        known
            .map(|(_, step)| *step)
            .ok_or_else(|| format!("there is no step `{name}`"))
    }
}

/// Crates that build for the browser: the pure ones but `vigla-xds`, whose message types bring a transport.
const PURE: [&str; 9] = [
    "vigla-model",
    "vigla-config",
    "vigla-dataplane",
    "vigla-compiler",
    "vigla-graph",
    "vigla-layout",
    "vigla-insight",
    "vigla-scene",
    "vigla-api",
];

/// Runs the steps and tells which failed.
pub(crate) fn run_tests(workspace: &Workspace, options: &Options) -> anyhow::Result<ExitCode> {
    ensure_components(workspace)?;
    let mut report = Report::default();
    let wanted = |step: Step| options.only.is_empty() || options.only.contains(&step);
    let needed = wanted(Step::Tests) || wanted(Step::EndToEnd);
    let mut builds = needed.then(|| peers::GoBuilds::start(workspace));
    for (name, step) in STEPS {
        if wanted(step) {
            report.step(name, |report| {
                run_step(workspace, step, &options.arguments, report, &mut builds)
            });
        }
    }
    Ok(report.close())
}

/// The formatter and the linter, which a minimal toolchain lacks.
fn ensure_components(workspace: &Workspace) -> anyhow::Result<()> {
    for component in ["rustfmt", "clippy"] {
        let name = component.trim_start_matches("rust");
        if output_of(workspace.cargo([name]).arg("--version")).is_ok() {
            continue;
        }
        if find_program("rustup").is_none() {
            bail!(
                "{component} is missing, and there is no rustup to add it: install it with what installed Rust"
            );
        }
        run(Command::new("rustup")
            .current_dir(&workspace.root)
            .args(["component", "add", component]))?;
    }
    Ok(())
}

fn run_step(
    workspace: &Workspace,
    step: Step,
    arguments: &[String],
    report: &mut Report,
    builds: &mut Option<peers::GoBuilds>,
) -> anyhow::Result<()> {
    match step {
        Step::Format => run(&mut workspace.cargo(["fmt", "--all", "--check"])),
        Step::Lints => run(workspace
            .cargo(["clippy", "--locked", "--workspace", "--all-targets"])
            .args(DENY_WARNINGS)),
        Step::BrowserLints => {
            wasm::ensure_target(workspace)?;
            // Pure crates have been linted for this machine: some lints count bytes, which are fewer there.
            let mut check = workspace.cargo(["check", "--locked", "--target", wasm::TARGET]);
            for package in PURE {
                check.args(["--package", package]);
            }
            run(&mut check)?;
            let mut clippy = workspace.cargo(["clippy", "--locked", "--no-deps", "--target", wasm::TARGET]);
            run(clippy
                .args(["--package", "vigla-frontend", "--package", "vigla-worker"])
                .args(DENY_WARNINGS))
        }
        Step::Dependencies => {
            if find_program("cargo-deny").is_none() {
                // Building it takes longer than all our lints, and its advisories live in a repository
                // that a machine with registries only does not reach.
                report.skip("cargo-deny is not installed; tests/architecture.rs holds us to deny.toml");
                return Ok(());
            }
            run(&mut workspace.cargo([
                "deny",
                "--locked",
                "--offline",
                "check",
                "bans",
                "licenses",
                "sources",
            ]))
        }
        Step::Tests => {
            let mut cargo = workspace.cargo(["test", "--locked", "--workspace", "--no-fail-fast"]);
            // The end to end tests have a step of their own, with the programs built.
            cargo.env("VIGLA_END_TO_END", "later");
            if let Ok(envoy) = peers::ensure_envoy(workspace) {
                cargo.env("VIGLA_ENVOY", envoy);
            }
            name_go_peers(builds, &mut cargo, report);
            run_and_count(cargo.arg("--").args(arguments), report)
        }
        Step::Docs => docs::build_docs(workspace),
        Step::Build => {
            build::build_release(workspace, &mut Progress::new(build::STEPS))?;
            wasm::check_sizes(&workspace.web())
        }
        Step::EndToEnd => run_end_to_end(workspace, arguments, report, builds),
    }
}

const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

/// Names the programs that Go builds, once they are there.
fn name_go_peers(builds: &mut Option<peers::GoBuilds>, cargo: &mut Command, report: &mut Report) {
    for (peer, built) in builds.iter_mut().flat_map(peers::GoBuilds::finish) {
        match built {
            Ok(path) => {
                cargo.env(peer.variable, path);
            }
            Err(error) => report.skip(&format!("without {}: {error:#}", peer.name)),
        }
    }
}

/// The real programs, real Envoy and a real browser, named to the tests in variables. What is not to be
/// had is not named, and the tests that need it say "skipped"; in CI that is a failure.
fn run_end_to_end(
    workspace: &Workspace,
    arguments: &[String],
    report: &mut Report,
    builds: &mut Option<peers::GoBuilds>,
) -> anyhow::Result<()> {
    // `--workspace` with one test: the same features as in the step before, so nothing is compiled again.
    let mut cargo = workspace.cargo(["test", "--locked", "--workspace", "--test", "e2e"]);
    for program in build::PROGRAMS {
        let path = workspace.dist().join(program);
        if !path.is_file() {
            bail!("{} is not built", path.display());
        }
        cargo.env(variable_of(program), path);
    }
    let mut name = |variable: &str, what: &str, found: anyhow::Result<PathBuf>| match found {
        Ok(path) => {
            cargo.env(variable, path);
        }
        Err(error) => report.skip(&format!("without {what}: {error:#}")),
    };
    name("VIGLA_ENVOY", "Envoy", peers::ensure_envoy(workspace));
    name("VIGLA_PROMETHEUS", "Prometheus", peers::ensure_prometheus());
    name("VIGLA_AXE", "axe-core", peers::ensure_axe(workspace));
    match peers::ensure_browser() {
        Ok(browser) => {
            name("VIGLA_CHROMIUM", "Chromium", Ok(browser.chromium));
            name("CHROMEDRIVER", "chromedriver", Ok(browser.driver));
        }
        Err(error) => name("CHROMEDRIVER", "a browser", Err(error)),
    }
    // Where the tests leave pictures and logs of what failed.
    cargo.env("VIGLA_TEST_OUTPUT", workspace.target().join("e2e"));
    let missing = report.skipped_parts();
    // What Go has not built in time is said, and is no failure, in CI either.
    name_go_peers(builds, &mut cargo, report);
    // They measure rates and times: side by side they would disturb each other on two cores.
    run_and_count(cargo.args(["--", "--test-threads=1"]).args(arguments), report)?;
    if missing > 0 && env::var_os("CI").is_some() {
        bail!("in CI every end to end test must run");
    }
    Ok(())
}
