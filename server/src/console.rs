//! Puts a console together: sources, live graph, tasks, router.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use axum::Router;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use vigla_config::{MeshSettings, Snapshot};
use vigla_demo::Demo;
use vigla_kube::KubeSource;
use vigla_sources::{
    ConfigSource, FolderSource, JaegerSource, MetricSource, outbound::Outbound, prometheus::PrometheusSource,
    traces::TraceSource,
};

use crate::{
    build::{Builder, Degradation},
    caller::ConsoleScope,
    changes::Changes,
    cut::now,
    live::Live,
    router::router,
    settings::{BasePath, Settings},
    sources::SourceBoard,
    state::{About, AppState},
    tasks,
    topics::Topics,
    traces::TraceDesk,
};

/// Writes the program's log to standard error; `VIGLA_LOG` chooses what, as `info` or `vigla_server=debug`.
pub fn start_log() {
    let filter = EnvFilter::try_from_env("VIGLA_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .init();
}

/// The console over a laptop mesh. Its tasks run until `shutdown`.
pub fn demo(demo: Arc<Demo>, scope: ConsoleScope, shutdown: CancellationToken) -> Router {
    let started = now();
    let store = demo.metrics().clone();
    let plans = {
        let (proxies, snapshots) = (demo.control_plane().clone(), demo.snapshot());
        move |namespace: &str, workload: &str| {
            // Instances of a workload have the same plan but for their addresses: the first one's tells.
            let snapshot = snapshots.borrow().clone();
            let instance = snapshot
                .instances_of(&namespace.into(), &workload.into())
                .next()?;
            proxies.plan(namespace, &instance.name)
        }
    };
    let blind = {
        let store = store.clone();
        move || {
            let status = store.status();
            let missing = status.degraded();
            missing
                .map(|(since, reason)| Degradation {
                    source: store.name().to_owned(),
                    since,
                    reason,
                })
                .collect()
        }
    };
    let builder = Builder::new(Arc::new(plans), Arc::new(blind));
    let rounds = store.rounds();
    let epoch = format!("{:x}", started.millis() & 0xffff_ffff);
    let live = Live::new(builder, Arc::new(store), demo.snapshot(), epoch);
    let (board, changes) = (SourceBoard::default(), Changes::default());
    tokio::spawn(tasks::graph::run(
        live.clone(),
        tasks::graph::PERIOD,
        rounds,
        demo.snapshot(),
        board.clone(),
        shutdown.clone(),
    ));
    tokio::spawn(tasks::changes::run(
        changes.clone(),
        demo.config(),
        board.clone(),
        shutdown.clone(),
    ));
    let traces = demo
        .traces()
        .map(|store| Arc::new(store.clone()) as Arc<dyn TraceSource>);
    router(AppState {
        about: Arc::new(About {
            mode: "demo",
            mesh: "demo".into(),
            started,
            base_path: BasePath::default(),
        }),
        scope,
        topics: Topics::new(live.clone(), shutdown),
        live,
        changes,
        config: Some(demo.config_source()),
        traces: traces.map(|source| TraceDesk::new(source, board.clone())),
        board,
        demo: Some(demo),
    })
}

/// The console over the sources of a settings file. Its tasks run until `shutdown`.
///
/// # Errors
/// When a source cannot be opened.
pub async fn serve(
    settings: Settings,
    scope: ConsoleScope,
    shutdown: CancellationToken,
) -> anyhow::Result<Router> {
    let started = now();
    let config = open_config(&settings).await?;
    let prometheus = settings.prometheus.context("there is no source of numbers")?;
    let outbound = Outbound::new(prometheus.outbound)?;
    let metrics = Arc::new(PrometheusSource::new(outbound, prometheus.scope));
    let notes = {
        let metrics = metrics.clone();
        // Since when each is so.
        let known = Mutex::new(BTreeMap::new());
        move || {
            let notes = metrics.about().notes;
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|note, _| notes.contains(note));
            let told = notes.into_iter().map(|reason| Degradation {
                source: metrics.name().to_owned(),
                since: *known.entry(reason.clone()).or_insert_with(now),
                reason,
            });
            told.collect()
        }
    };
    let builder = Builder::new(Arc::new(|_, _| None), Arc::new(notes));
    let traces = settings.traces.jaeger.map(JaegerSource::open).transpose()?;
    let (board, changes) = (SourceBoard::default(), Changes::default());
    let traces = traces.map(|source| TraceDesk::new(Arc::new(source), board.clone()));
    let (snapshots, seen) = watch::channel(snapshot_of(config.as_ref(), &settings.mesh));
    let epoch = format!("{:x}", started.millis() & 0xffff_ffff);
    let live = Live::new(builder, metrics, seen.clone(), epoch);
    // Nothing but time and config tells this source's refreshes.
    let (_, never) = watch::channel(());
    tokio::spawn(tasks::graph::run(
        live.clone(),
        prometheus.refresh.0,
        never,
        seen,
        board.clone(),
        shutdown.clone(),
    ));
    if let Some(desk) = &traces {
        tokio::spawn(tasks::traces::run(desk.clone(), shutdown.clone()));
    }
    if let Some(source) = &config {
        let shutdown = shutdown.clone();
        tokio::spawn(tasks::changes::run(
            changes.clone(),
            source.watch(),
            board.clone(),
            shutdown.clone(),
        ));
        tokio::spawn(tasks::snapshot::run(
            source.watch(),
            settings.mesh,
            snapshots,
            shutdown,
        ));
    } else {
        // Handlers keep reading the empty mesh: the channel stays open as long as the console.
        let shutdown = shutdown.clone();
        tokio::spawn(async move {
            shutdown.cancelled().await;
            drop(snapshots);
        });
    }
    Ok(router(AppState {
        about: Arc::new(About {
            mode: "serve",
            mesh: settings.mesh_name.unwrap_or_else(|| "mesh".to_owned()),
            started,
            base_path: settings.server.base_path,
        }),
        scope,
        topics: Topics::new(live.clone(), shutdown.clone()),
        live,
        changes,
        board,
        config,
        traces,
        demo: None,
    }))
}

async fn open_config(settings: &Settings) -> anyhow::Result<Option<Arc<dyn ConfigSource>>> {
    if let Some(cluster) = &settings.kubernetes {
        let mut cluster = cluster.clone();
        // Whoever is shown some namespaces only may have rights in these only; rules of the root are everybody's.
        cluster.namespaces.clone_from(&settings.server.namespaces);
        let root = settings.mesh.root_namespace.to_string();
        if !cluster.namespaces.is_empty() && !cluster.namespaces.contains(&root) {
            cluster.namespaces.push(root);
        }
        return Ok(Some(Arc::new(KubeSource::open(&cluster).await?)));
    }
    let settings = &settings.config;
    if settings.folders.is_empty() {
        return Ok(None);
    }
    let folders: Vec<&Path> = settings.folders.iter().map(PathBuf::as_path).collect();
    Ok(Some(Arc::new(FolderSource::open(&folders)?)))
}

fn snapshot_of(config: Option<&Arc<dyn ConfigSource>>, mesh: &MeshSettings) -> Arc<Snapshot> {
    match config {
        Some(source) => tasks::snapshot::build(&source.watch().borrow(), mesh),
        None => Arc::new(Snapshot::build(Vec::new(), Vec::new(), mesh.clone())),
    }
}
