//! The admin address: read-only, for people and scrapers on this machine.

use std::{convert::Infallible, io, net::IpAddr, sync::Arc, time::Duration};

use ::http::{Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{Proxy, Status, dump::dump_plan, process};

/// Connections at once: a few scrapers and a person. Others wait.
const MAX_CONNECTIONS: usize = 32;
/// How long a request's head may take, and an idle connection lives.
const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// Serves the admin address until `shutdown`.
pub async fn run_admin(
    listener: TcpListener,
    proxy: Arc<Proxy>,
    status: Arc<Status>,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            },
        };
        let (proxy, status) = (Arc::clone(&proxy), Arc::clone(&status));
        let service = service_fn(move |request| answer(request, Arc::clone(&proxy), Arc::clone(&status)));
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_LIMIT)
                .serve_connection(TokioIo::new(stream), service);
            // Who asks sees the failure; there is nothing to do about it here.
            let _ = connection.await;
            drop(slot);
        });
    }
}

async fn pause_after(error: &io::Error) {
    tracing::debug!(%error, "admin accept failed");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

async fn answer(
    request: Request<Incoming>,
    proxy: Arc<Proxy>,
    status: Arc<Status>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET {
        return Ok(text(
            StatusCode::METHOD_NOT_ALLOWED,
            "the admin address is read-only: GET only\n",
        ));
    }
    if !host_is_local(&request) {
        return Ok(text(
            StatusCode::MISDIRECTED_REQUEST,
            "ask by address or as localhost\n",
        ));
    }
    Ok(match request.uri().path() {
        "/ready" => match status.readiness() {
            Ok(()) => text(StatusCode::OK, "LIVE\n"),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        },
        "/stats/prometheus" => {
            let mut metrics = proxy.metrics().await;
            metrics.push_str(&process::metrics());
            let mut response = text(StatusCode::OK, metrics);
            let kind = header::HeaderValue::from_static("text/plain; version=0.0.4");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        "/clusters" => text(StatusCode::OK, proxy.clusters().await),
        "/config_dump" => json(&dump_plan(&*proxy.plan().await)),
        "/server_info" => json(&status.server_info()),
        _ => text(
            StatusCode::NOT_FOUND,
            "there are /ready /stats/prometheus /clusters /config_dump /server_info\n",
        ),
    })
}

/// A page of another site that makes its name point here (DNS rebinding) still sends its own name.
fn host_is_local(request: &Request<Incoming>) -> bool {
    let Some(host) = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
    else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn json(value: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::OK, format!("{value:#}\n"));
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
