//! `vigla serve`: the console over the sources that a settings file names.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use tokio_util::sync::CancellationToken;
use vigla_kube::KubeSettings;
use vigla_model::{Namespace, Scope};

use super::{say, tell};
use crate::{caller::ConsoleScope, console, serve, settings::Settings};

/// The port without another word.
const PORT: u16 = 20001;

/// What to serve.
#[derive(Debug, Args)]
pub struct Arguments {
    /// File of settings (YAML): sources, names, the console itself.
    #[arg(long, value_name = "FILE", env = "VIGLA_SETTINGS")]
    settings: Option<PathBuf>,
    /// Cluster to read the mesh's config and pods from: a kubeconfig, before the file's sources of config.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig, before its current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Port of the console on 127.0.0.1, before the file's; 0 for any free one.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Show these namespaces and nothing else, before the file's.
    #[arg(long, value_delimiter = ',', value_name = "NS,…")]
    namespaces: Vec<String>,
}

/// Runs until Ctrl-C or SIGTERM.
///
/// # Errors
/// When the settings cannot be used or the port is taken.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    console::start_log();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run_serve(arguments))
}

async fn run_serve(arguments: Arguments) -> anyhow::Result<()> {
    let mut settings = match &arguments.settings {
        Some(file) => Settings::load(file)?,
        None => Settings::default(),
    };
    ensure!(
        settings.prometheus.is_some(),
        "there is no source of numbers: name one in a settings file (metrics.prometheus.url) and give it by --settings \
         FILE, or run `vigla demo`"
    );
    if let Some(file) = arguments.kubeconfig {
        settings.config.folders.clear();
        settings.kubernetes = Some(KubeSettings {
            kubeconfig: Some(file),
            ..KubeSettings::default()
        });
    }
    if let Some(context) = arguments.context {
        let kubernetes = settings
            .kubernetes
            .as_mut()
            .filter(|cluster| cluster.kubeconfig.is_some());
        let cluster = kubernetes.context("--context is one of a kubeconfig: give it by --kubeconfig FILE")?;
        cluster.context = Some(context);
    }
    if !arguments.namespaces.is_empty() {
        settings.server.namespaces = arguments.namespaces;
    }
    let scope = match settings.server.namespaces.as_slice() {
        [] => Scope::All,
        names => Scope::Namespaces(names.iter().map(|name| Namespace::new(name.as_str())).collect()),
    };
    let listener = serve::bind(arguments.port.or(settings.server.port).unwrap_or(PORT)).await?;
    let address = listener.local_addr()?;
    let base = settings.server.base_path.clone();
    let shutdown = CancellationToken::new();
    let console = console::serve(settings, ConsoleScope(scope), shutdown.clone()).await?;
    say(&format!("Vigla is at http://{address}{base}"));
    tell("  end:   Ctrl-C");
    tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            serve::signalled().await;
            shutdown.cancel();
        }
    });
    serve::serve(listener, console, shutdown).await
}
