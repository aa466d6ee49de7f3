//! `vigla-proxy`, the sidecar.

use std::{
    net::SocketAddr, os::unix::process::CommandExt, path::PathBuf, process::Command, sync::Arc,
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::{net::TcpListener, signal::unix::SignalKind};
use tokio_util::sync::CancellationToken;
use vigla_proxy::{AccessLogOptions, AdsOptions, Proxy, ProxyOptions, Status, process, run_admin, run_ads};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long requests may still take after SIGTERM.
const DRAIN: Duration = Duration::from_secs(5);
/// The same when the parent has gone: nobody waits for them.
const DRAIN_ORPHAN: Duration = Duration::from_millis(200);

/// The sidecar of a Vigla mesh.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Proxies as the control plane says.
    Run(Run),
    /// Runs another program that ends when the caller of this one ends.
    Supervise {
        /// The program and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<std::ffi::OsString>,
    },
}

#[derive(clap::Args)]
struct Run {
    /// Control plane: `unix:PATH`.
    #[arg(long, value_name = "unix:PATH", value_parser = parse_socket)]
    ads: PathBuf,
    /// File with the join token.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Node id, for logs and status.
    #[arg(long, value_name = "ID")]
    node: String,
    /// Read-only admin address.
    #[arg(long, value_name = "ADDR:PORT")]
    admin: Option<SocketAddr>,
    /// Where to log requests, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    /// Size at which the log moves to FILE.1.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    access_log_max: u64,
    /// Worker threads.
    #[arg(long, value_name = "N", default_value_t = 1)]
    concurrency: usize,
    /// End when the parent process dies or standard input ends.
    #[arg(long)]
    exit_with_parent: bool,
}

fn parse_socket(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("unix:").filter(|path| !path.is_empty());
    path.map(PathBuf::from)
        .ok_or_else(|| "expected unix:PATH".to_owned())
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("VIGLA_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    match arguments.command {
        Task::Supervise { program } => supervise(&program),
        Task::Run(run) => {
            process::use_small_pages();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(run_proxy(run))
        }
    }
}

fn supervise(program: &[std::ffi::OsString]) -> anyhow::Result<()> {
    process::die_with_parent().context("the kernel refused to tie this process to its parent")?;
    let (name, arguments) = program.split_first().context("no program was named")?;
    let error = Command::new(name).args(arguments).exec();
    Err(error).with_context(|| format!("{} could not be started", name.display()))
}

async fn run_proxy(run: Run) -> anyhow::Result<()> {
    if run.exit_with_parent {
        process::die_with_parent().context("the kernel refused to tie this process to its parent")?;
    }
    // Taken before anything else, so that a signal is never lost.
    let mut terminate = tokio::signal::unix::signal(SignalKind::terminate())?;
    let mut interrupt = tokio::signal::unix::signal(SignalKind::interrupt())?;
    let options = ProxyOptions {
        concurrency: run.concurrency,
        access_log: run.access_log.as_ref().map(|path| AccessLogOptions {
            path: path.clone(),
            max_bytes: run.access_log_max,
        }),
        ..ProxyOptions::default()
    };
    let log = run
        .access_log
        .as_deref()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let proxy = Arc::new(Proxy::start(&options).with_context(|| format!("access log {log}"))?);
    let status = Arc::new(Status::new(&run.node));
    let shutdown = CancellationToken::new();
    if let Some(address) = run.admin {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("admin address {address}"))?;
        let admin = run_admin(
            listener,
            Arc::clone(&proxy),
            Arc::clone(&status),
            shutdown.clone(),
        );
        tokio::spawn(admin);
    }
    let ads = AdsOptions {
        socket: run.ads,
        token_file: run.token_file,
        node_id: run.node,
    };
    let ads = tokio::spawn(run_ads(
        ads,
        Arc::clone(&proxy),
        Arc::clone(&status),
        shutdown.clone(),
    ));
    let orphaned = async {
        if run.exit_with_parent {
            process::stdin_end().await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    let drain = tokio::select! {
        _ = terminate.recv() => DRAIN,
        _ = interrupt.recv() => DRAIN,
        () = orphaned => DRAIN_ORPHAN,
    };
    tracing::info!("draining");
    status.set_draining();
    // The admin address stays until the last request is counted.
    ads.abort();
    proxy.drain(drain).await;
    shutdown.cancel();
    Ok(())
}
