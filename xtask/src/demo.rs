//! `cargo xtask demo`: build, then become `vigla demo`.

use std::{
    ffi::OsString,
    process::{Command, ExitCode},
};

use anyhow::Context;

use crate::{
    build, peers,
    progress::Progress,
    workspace::{Workspace, find_program},
};

/// Builds, then starts the laptop mesh with these arguments.
pub(crate) fn run_demo(workspace: &Workspace, arguments: &[OsString]) -> anyhow::Result<ExitCode> {
    let built = build::build_demo(workspace, &mut Progress::new(build::STEPS))?;
    let mut demo = Command::new(built.join(build::PROGRAMS[0]));
    demo.arg("demo").args(arguments);
    // `--envoy` looks on PATH by itself; what `cargo xtask peers` fetched is named to it.
    if find_program("envoy").is_none()
        && let Some(envoy) = peers::find_envoy()
    {
        demo.env("VIGLA_ENVOY", envoy);
    }
    become_program(demo)
}

/// Replaces this process, so that Ctrl-C and the exit code are the demo's own.
#[cfg(unix)]
fn become_program(mut program: Command) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(program.exec()).context("cannot start the demo")
}

#[cfg(not(unix))]
fn become_program(mut program: Command) -> anyhow::Result<ExitCode> {
    let status = program.status().context("cannot start the demo")?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}
