//! Takes spans in over the network: OTLP by gRPC and HTTP, and Zipkin's JSON, all on one port of this machine.
//!
//! Exporters retry what fails, so answers say exactly what was kept: a bad batch is refused for good, spans over a
//! bound are a partial success, and only what may work later invites to come again.

mod grpc;
mod http;

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use vigla_model::Timestamp;

use super::TraceStore;

/// Bytes of one request, as it comes and unpacked: an exporter's batch of 512 spans is some 500 KB.
const MAX_BODY: usize = 8 << 20;
/// Requests in work at once; more wait. Times their bound, this is what they may take.
const AT_ONCE: usize = 4;
/// Connections at once: one of each sidecar of a small mesh, and more for SDKs.
const CONNECTIONS: usize = 512;
/// A request is here whole within this time, or it is given up.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why no receiver can be opened.
#[derive(Debug, Error)]
pub enum ReceiverError {
    /// Spans would come from other machines, and there is no login.
    #[error("{0} is no address of this machine alone: spans are taken on loopback only")]
    NotLoopback(SocketAddr),
    /// The address is taken, or not there.
    #[error("spans cannot be taken at {0}: choose another address")]
    Bind(SocketAddr, #[source] io::Error),
}

/// Opens the port on which spans are taken.
///
/// # Errors
/// When the address is not loopback, or cannot be bound.
pub async fn bind_receiver(address: SocketAddr) -> Result<TcpListener, ReceiverError> {
    if !address.ip().is_loopback() {
        return Err(ReceiverError::NotLoopback(address));
    }
    TcpListener::bind(address)
        .await
        .map_err(|error| ReceiverError::Bind(address, error))
}

/// Takes spans in until `shutdown`.
///
/// Paths: `/opentelemetry.proto.collector.trace.v1.TraceService/Export` (gRPC), `/v1/traces` (OTLP by HTTP, protobuf or
/// JSON), `/api/v2/spans` (Zipkin).
pub async fn run_receiver(listener: TcpListener, store: TraceStore, shutdown: CancellationToken) {
    let intake = Intake {
        store,
        places: Arc::new(Semaphore::new(AT_ONCE)),
    };
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = tokio::select! {
            () = shutdown.cancelled() => return,
            place = connections.clone().acquire_owned() => place.expect("the semaphore is never closed"),
        };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // No file descriptors left, most likely: it passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (intake, shutdown) = (intake.clone(), shutdown.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = shutdown.cancelled() => (),
                () = serve(stream, intake) => (),
            }
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, intake: Intake) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(DEADLINE)
        .max_buf_size(64 << 10);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(16)
        .max_header_list_size(16 << 10);
    let service = service_fn(move |request| {
        let intake = intake.clone();
        async move { Ok::<_, Infallible>(intake.answer(request).await) }
    });
    // How a connection ends is its client's affair.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

#[derive(Debug, Clone)]
struct Intake {
    store: TraceStore,
    places: Arc<Semaphore>,
}

impl Intake {
    async fn answer(&self, request: Request<Incoming>) -> Response<tonic::body::Body> {
        let is_grpc = request.uri().path() == grpc::PATH;
        // A place is held from the first byte of the body on: that is what takes memory.
        let work = async move {
            let _place = self
                .places
                .acquire()
                .await
                .expect("the semaphore is never closed");
            if is_grpc {
                grpc::answer(&self.store, request).await
            } else {
                http::answer(&self.store, request).await
            }
        };
        match tokio::time::timeout(DEADLINE, work).await {
            Ok(response) => response,
            Err(_) => {
                self.store.note_refusal("a request was not there whole in time");
                if is_grpc {
                    tonic::Status::unavailable("the request was not there whole in time").into_http()
                } else {
                    http::late()
                }
            }
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
