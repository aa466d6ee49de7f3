//! Puts a console together: sources, live graph, tasks, router.

use std::{io::IsTerminal, sync::Arc};

use axum::Router;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use vigla_demo::Demo;
use vigla_sources::MetricSource;

use crate::{
    build::{Builder, Degradation},
    caller::ConsoleScope,
    changes::Changes,
    cut::now,
    live::Live,
    router::router,
    sources::SourceBoard,
    state::{About, AppState},
    tasks,
    topics::Topics,
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
        rounds,
        demo.snapshot(),
        board.clone(),
        shutdown.clone(),
    ));
    tokio::spawn(tasks::changes::run(
        changes.clone(),
        demo.config(),
        shutdown.clone(),
    ));
    router(AppState {
        about: Arc::new(About {
            mode: "demo",
            mesh: "demo".into(),
            started,
        }),
        scope,
        topics: Topics::new(live.clone(), shutdown),
        live,
        changes,
        board,
        demo: Some(demo),
    })
}
