//! `vigla demo`: the laptop mesh and the console over it, in one process with its sidecars as children.

use std::{env, net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, ensure};
use clap::{Args, Subcommand, ValueEnum};
use tokio_util::sync::CancellationToken;
use vigla_demo::{CaptureMode, Demo, DemoOptions, EnvoyChoice};
use vigla_kube::{KubeSettings, KubeSource};
use vigla_model::{Namespace, Scope};

use super::{scenario, tell};
use crate::{caller::ConsoleScope, console, serve};

/// How the laptop mesh is to run.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Scenario to start with.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Sidecars that are to be real Envoy: workloads by comma (NAME or NAMESPACE/NAME), or `all`.
    #[arg(long, value_name = "WORKLOAD,…|all")]
    envoy: Option<String>,
    /// The Envoy program; without it `envoy` on PATH.
    #[arg(long, value_name = "FILE", env = "VIGLA_ENVOY")]
    envoy_program: Option<PathBuf>,
    /// Port of the console on 127.0.0.1; 0 for any free one.
    #[arg(long, default_value_t = 20001)]
    port: u16,
    /// Folder of your own YAML to run instead of Bookinfo. It is only read.
    #[arg(long, value_name = "DIR")]
    mesh: Option<PathBuf>,
    /// Cluster whose config to run instead: a kubeconfig. Its Deployments run here, as its rules say; it is only read.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mesh", "scenario"])]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig, before its current one.
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    context: Option<String>,
    /// How calls get to the sidecars: an address for each workload, or a port of 127.0.0.1 for each listener.
    #[arg(long, value_enum, default_value_t = Capture::Bind)]
    capture: Capture,
    /// Show these namespaces and nothing else.
    #[arg(long, value_delimiter = ',', value_name = "NS,…")]
    namespaces: Vec<String>,
    /// Pages a second that visitors ask for.
    #[arg(long, default_value_t = DemoOptions::DEFAULT_RATE, value_name = "PAGES_PER_SECOND")]
    rate: f64,
    /// Pages after which traffic ends; without it it goes on.
    #[arg(long, value_name = "N")]
    requests: Option<u64>,
    /// Decides when pages are asked for: the same seed, the same traffic.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Who takes the sidecars' spans (OTLP over gRPC, such as a Jaeger at 127.0.0.1:4317) in place of the console.
    #[arg(long, value_name = "IP:PORT")]
    collector: Option<SocketAddr>,
    /// The sidecar's program; without it `vigla-proxy` beside this one.
    #[arg(long, value_name = "FILE", env = "VIGLA_PROXY_BIN", hide = true)]
    proxy_program: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists, starts or undoes scenarios of a running demo.
    Scenario(scenario::Arguments),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Capture {
    Bind,
    Ports,
}

/// Runs until Ctrl-C or SIGTERM.
///
/// # Errors
/// When something that it needs is missing or taken.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    // Two threads: the console and its applications share them; the machine's other cores are the sidecars'.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    match arguments.command {
        Some(Command::Scenario(scenario)) => runtime.block_on(scenario::run(scenario)),
        None => {
            console::start_log();
            runtime.block_on(run_demo(arguments))
        }
    }
}

async fn run_demo(arguments: Arguments) -> anyhow::Result<()> {
    ensure!(
        arguments.rate.is_finite() && (0.0..=10_000.0).contains(&arguments.rate),
        "--rate is from 0 to 10000 pages a second"
    );
    let scope = match arguments.namespaces.as_slice() {
        [] => Scope::All,
        names => Scope::Namespaces(names.iter().map(|name| Namespace::new(name.as_str())).collect()),
    };
    // The port comes first: a second start should fail at once, not after it has started a mesh.
    let listener = serve::bind(arguments.port).await?;
    let address = listener.local_addr()?;
    let proxy_program = match arguments.proxy_program {
        Some(program) => program,
        None => env::current_exe()?.with_file_name("vigla-proxy"),
    };
    let options = DemoOptions {
        mesh_dir: arguments.mesh,
        scenario: arguments.scenario,
        envoy: match arguments.envoy.as_deref() {
            None => EnvoyChoice::None,
            Some("all") => EnvoyChoice::All,
            Some(list) => EnvoyChoice::Workloads(list.split(',').map(str::to_owned).collect()),
        },
        envoy_program: arguments.envoy_program,
        capture: match arguments.capture {
            Capture::Bind => CaptureMode::Bind,
            Capture::Ports => CaptureMode::Ports,
        },
        rate: arguments.rate,
        requests: arguments.requests,
        seed: arguments.seed,
        collector: arguments.collector,
        ..DemoOptions::new(proxy_program)
    };
    let cluster = match arguments.kubeconfig {
        Some(file) => {
            let settings = KubeSettings {
                kubeconfig: Some(file),
                context: arguments.context,
                namespaces: arguments.namespaces,
            };
            Some(Arc::new(KubeSource::open(&settings).await?))
        }
        None => None,
    };
    let started = match cluster {
        Some(cluster) => Demo::over(options, cluster).await,
        None => Demo::start(options).await,
    };
    let demo = Arc::new(started.context("the demo mesh cannot start")?);
    let shutdown = CancellationToken::new();
    let console = console::demo(demo.clone(), ConsoleScope(scope), shutdown.clone());
    super::say(&format!("Vigla is at http://{address}/"));
    tell(&format!("  mesh:  {}", demo.run_dir().display()));
    tell("  end:   Ctrl-C");
    for problem in demo.problems() {
        tell(&format!("  note:  {problem}"));
    }
    tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            serve::signalled().await;
            shutdown.cancel();
        }
    });
    let served = serve::serve(listener, console, shutdown).await;
    demo.shutdown().await;
    served
}
