//! The application's server: HTTP/1.1 on one listener.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{CALLER_HEADER, Shared};
use crate::DemoError;

/// Connections of one listener; the rest waits in the system's queue. Sidecars keep a few dozen at most.
const MAX_CONNECTIONS: usize = 1024;

/// Largest request body; nothing in the demo sends more than none.
const MAX_REQUEST: usize = 1 << 20;

/// Path at which an application tells what it saw. Asking for it is not counted.
const COUNTS_PATH: &str = "/counts";

/// Binds an address that the plan gave.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, DemoError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => DemoError::Busy(vec![address]),
            _ => DemoError::NoLoopback(address, error),
        })
}

/// Serves until `stop`.
pub(super) async fn run_server(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let slot = slots
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        // An error here is about one connection, or about file handles; both pass.
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        let shared = shared.clone();
        connections.spawn(async move {
            serve(stream, shared).await;
            drop(slot);
        });
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(shared.clone(), request));
    // A connection that breaks is the caller's affair: it sees and counts it.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == COUNTS_PATH {
        let counts = shared.counts.read(&shared.name);
        let body = serde_json::to_vec(&counts).expect("counts are plain maps");
        return Ok(if request.method() == Method::GET {
            json(StatusCode::OK, body)
        } else {
            json(StatusCode::METHOD_NOT_ALLOWED, Vec::new())
        });
    }
    let (head, body) = request.into_parts();
    let caller = head
        .headers
        .get(CALLER_HEADER)
        .and_then(|name| name.to_str().ok());
    shared.counts.received(caller.unwrap_or("unknown"));
    if Limited::new(body, MAX_REQUEST).collect().await.is_err() {
        return Ok(json(StatusCode::PAYLOAD_TOO_LARGE, Vec::new()));
    }
    let setup = shared.setup();
    let called = shared.work(&setup, &head.headers).await;
    let called: serde_json::Map<_, _> = called
        .into_iter()
        .map(|(url, outcome)| (url, outcome.to_string().into()))
        .collect();
    // A call that failed is told in the body and does not fail the answer, as a page with a part missing.
    let mut body = serde_json::json!({ "workload": shared.name, "called": called }).to_string();
    while body.len() < setup.behaviour.body_bytes {
        body.push(' ');
    }
    Ok(json(StatusCode::OK, body.into_bytes()))
}

fn json(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
