//! Binary `vigla`: the console and its commands.

use std::process::ExitCode;

use clap::Parser;
use vigla_server::command::Arguments;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One TLS provider in the whole process, chosen before anything can ask for one.
    let installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    debug_assert!(installed.is_ok(), "nothing else installs a provider");
    Arguments::parse().run()
}
