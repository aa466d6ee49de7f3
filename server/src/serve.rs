//! Opens the port, serves until told to stop, and lets what is under way finish.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Requests under way get this long after the signal; streams are told to end at once.
const DRAIN: Duration = Duration::from_secs(5);

/// Binds the console's port on loopback. Until there is a login, nothing else is offered.
///
/// # Errors
/// When the port is taken; the message names it.
pub async fn bind(port: u16) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    TcpListener::bind(address).await.with_context(|| {
        format!("port {port} on 127.0.0.1 cannot be opened: choose another with --port N, or --port 0 for any free one")
    })
}

/// Serves until `shutdown` is cancelled and what is under way has finished, or its time is up.
///
/// # Errors
/// When the socket breaks.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> anyhow::Result<()> {
    let drained = shutdown.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        result = server => result.context("the console's socket broke"),
        () = async { drained.cancelled().await; tokio::time::sleep(DRAIN).await } => Ok(()),
    }
}

/// Ends on Ctrl-C or SIGTERM.
pub async fn signalled() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            let _ = tokio::signal::ctrl_c().await;
            return;
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => (),
            _ = terminate.recv() => (),
        }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
}
