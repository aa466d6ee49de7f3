//! The project's own build commands, run as `cargo xtask <command>`.
//!
//! Everything that a developer, CI or a curious newcomer starts is here, in one language and
//! without tools to install first: `demo` and `build` need a Rust toolchain and a C compiler,
//! `test` fetches the rest through the machine's package managers. What a command does is in
//! the file of its name.
#![expect(
    clippy::print_stdout,
    reason = "a command line tool talks on its standard output"
)]

mod bench;
mod build;
mod demo;
mod dev;
mod docs;
mod peers;
mod progress;
mod schemas;
mod test;
mod wasm;
mod workspace;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{progress::Progress, workspace::Workspace};

/// Build commands of Vigla.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and start the laptop mesh; arguments go to `vigla demo`.
    #[command(disable_help_flag = true)]
    Demo {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Build what a release ships: target/dist/vigla and target/dist/vigla-proxy.
    Build,
    /// Build the browser part into target/web.
    Wasm,
    /// Rebuild the browser part at every change while a demo runs; arguments go to `vigla demo`.
    #[command(disable_help_flag = true)]
    Dev {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Everything that must hold before a change lands; installs what it needs.
    Test(test::Options),
    /// The same as `test`, as CI runs it.
    Ci,
    /// Measure; without a name, lists what can be measured.
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Write the pages that come from code (docs/findings) and build the API documentation of all crates.
    Docs {
        /// Only write the pages.
        #[arg(long)]
        pages: bool,
    },
    /// Fetch or build the real peers (Envoy, Prometheus, Jaeger) that tests, measurements and `demo --envoy` run beside us.
    Peers,
    /// Write the table of fields that findings are judged by, from the published definitions (needs Go).
    Schemas,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            println!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::find()?;
    match command {
        Command::Demo { arguments } => return demo::run_demo(&workspace, &arguments),
        Command::Build => build::build_release(&workspace, &mut Progress::new(build::STEPS))?,
        Command::Wasm => wasm::build_web(
            &workspace,
            wasm::Flavour::Release,
            &mut Progress::new(wasm::STEPS),
        )?,
        Command::Dev { arguments } => return dev::run_dev(&workspace, &arguments),
        Command::Test(options) => return test::run_tests(&workspace, &options),
        Command::Ci => return test::run_tests(&workspace, &test::Options::default()),
        Command::Bench { arguments } => return bench::run_bench(&workspace, &arguments),
        Command::Docs { pages: true } => docs::write_findings(&workspace)?,
        Command::Docs { pages: false } => docs::build_docs(&workspace)?,
        Command::Peers => peers::print_peers(&workspace)?,
        Command::Schemas => schemas::derive(&workspace)?,
    }
    Ok(ExitCode::SUCCESS)
}
