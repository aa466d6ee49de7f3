//! The command line of `vigla`.

pub mod console;
pub mod demo;
pub mod explain_code;
pub mod graph;
pub mod scenario;
pub mod serve;
pub mod validate;

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

/// Vigla, the lookout post: an observability console for Istio-compatible service meshes.
#[derive(Debug, Parser)]
#[command(name = "vigla", version, propagate_version = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a real mesh on this machine's loopback and shows it live.
    #[command(args_conflicts_with_subcommands = true)]
    Demo(Box<demo::Arguments>),
    /// Shows a mesh from the sources that a settings file names.
    Serve(serve::Arguments),
    /// Prints the traffic map of a running console: as text for other programs, or as a picture.
    Graph(graph::Arguments),
    /// Checks config, from files, folders or standard input, as one whole mesh.
    Validate(validate::Arguments),
    /// Says what a finding's code means.
    ExplainCode(explain_code::Arguments),
}

impl Arguments {
    /// Runs the command; an error is one line on standard error and exit code 1, or 2 when it could not start.
    pub fn run(self) -> ExitCode {
        let result = match self.command {
            Command::Demo(arguments) => demo::run(*arguments),
            Command::Serve(arguments) => serve::run(arguments),
            Command::Graph(arguments) => graph::run(&arguments),
            Command::ExplainCode(arguments) => explain_code::run(&arguments),
            Command::Validate(arguments) => match validate::run(&arguments) {
                Ok(code) => return code,
                Err(error) => Err(error),
            },
        };
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tell(&format!("vigla: {error:#}"));
                ExitCode::from(2)
            }
        }
    }
}

/// Writes a line for the person at the terminal.
#[expect(
    clippy::print_stderr,
    reason = "the command line speaks to its user here and nowhere else"
)]
pub(crate) fn tell(line: &str) {
    eprintln!("{line}");
}

/// Writes a line that scripts may read. Who reads only its start, as `head` does, has what they wanted.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
