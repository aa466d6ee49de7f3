//! The ADS server on its Unix socket, and what the rest of the house asks of it.

use std::{
    convert::Infallible,
    fs::Permissions,
    io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::{
    body::{Body, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use thiserror::Error;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vigla_compiler::Settings;
use vigla_config::Snapshot;
use vigla_dataplane::Plan;
use vigla_identity::Authority;

use crate::{
    ProxyIdentity, ProxyStatus, PushEvent,
    push::{Hub, run_push_loop},
    stream::{MAX_IN_FLIGHT, Opening},
    token::Authenticate,
    workshop::{AccessLogPath, Workshop},
};

/// Streams at once; a proxy has one. A thousand proxies and their reconnects fit.
const MAX_STREAMS: usize = 4096;
/// Streams of one connection; a proxy needs one.
const STREAMS_PER_CONNECTION: u32 = 8;
/// Bytes of requests that a proxy may send ahead.
const REQUEST_WINDOW: u32 = 256 << 10;
/// Bytes of answers that hyper buffers for a stream.
const SEND_BUFFER: usize = 64 << 10;
/// A proxy that does not answer a ping is gone.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long streams may take to end at shutdown.
const DRAIN: Duration = Duration::from_secs(3);
/// The one method that is served.
const ADS: &str = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";

/// gRPC status codes.
const RESOURCE_EXHAUSTED: u8 = 8;
const UNIMPLEMENTED: u8 = 12;
const UNAUTHENTICATED: u8 = 16;

/// One revision of the mesh's config.
#[derive(Clone)]
pub struct Published {
    /// Its number; rises.
    pub revision: u64,
    /// What it says.
    pub snapshot: Arc<Snapshot>,
}

/// What a control plane is made of.
pub struct Options {
    /// Unix socket to listen on, in a directory that only the user can enter.
    pub socket: PathBuf,
    /// The mesh's config. The newest revision is pushed.
    pub snapshots: watch::Receiver<Published>,
    /// Signs the proxies' certificates.
    pub authority: Arc<Authority>,
    /// Tells proxies by their join tokens.
    pub tokens: Arc<dyn Authenticate>,
    /// Where an Envoy writes its access log; `None`: nowhere. `vigla-proxy` knows by its command line.
    pub access_log: Arc<AccessLogPath>,
    /// What all plans have in common, such as where spans go.
    pub settings: Settings,
    /// Ends everything.
    pub shutdown: CancellationToken,
}

/// Why a control plane cannot start.
#[derive(Debug, Error)]
#[error("cannot listen on {}", .path.display())]
pub struct StartError {
    /// The socket.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A running control plane. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    hub: Arc<Hub>,
    tasks: TaskTracker,
}

impl Handle {
    /// All proxies that connected since the start and still are in the mesh, by namespace and instance.
    pub fn proxies(&self) -> Vec<ProxyStatus> {
        self.hub.proxies.statuses()
    }

    /// What a proxy is to do at the newest revision; `None` when it never connected.
    pub fn plan(&self, namespace: &str, instance: &str) -> Option<Arc<Plan>> {
        self.hub.proxies.plan(&ProxyIdentity {
            namespace: namespace.into(),
            instance: instance.into(),
        })
    }

    /// Signals that some proxy's status has changed; the value only counts.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.hub.proxies.watch()
    }

    /// Changes of the mesh's config that all connected proxies have taken.
    pub fn pushes(&self) -> broadcast::Receiver<PushEvent> {
        self.hub.events.subscribe()
    }

    /// Waits until all streams have ended after shutdown.
    pub async fn drained(&self) {
        self.tasks.wait().await;
    }
}

/// Starts a control plane: listens at once, serves in tasks of its own.
///
/// # Errors
/// When the socket cannot be bound, such as a path of more than 107 bytes.
pub fn start(options: Options) -> Result<Handle, StartError> {
    let Options {
        socket,
        snapshots,
        authority,
        tokens,
        access_log,
        settings,
        shutdown,
    } = options;
    let listener = listen(&socket).map_err(|source| StartError { path: socket, source })?;
    let hub = Arc::new(Hub::new(Workshop::new(authority, access_log, settings)));
    let tasks = TaskTracker::new();
    tasks.spawn(run_push_loop(Arc::clone(&hub), snapshots, shutdown.clone()));
    let server = Server {
        hub: Arc::clone(&hub),
        tokens,
        bytes: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
        streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        next_stream: Arc::default(),
        tasks: tasks.clone(),
        shutdown,
    };
    tasks.spawn(server.run(listener));
    tasks.close();
    Ok(Handle { hub, tasks })
}

/// Binds the socket. One that a dead process left behind is removed; anything else in its place is an error.
fn listen(path: &PathBuf) -> io::Result<UnixListener> {
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another process listens there",
            ));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

#[derive(Clone)]
struct Server {
    hub: Arc<Hub>,
    tokens: Arc<dyn Authenticate>,
    bytes: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    next_stream: Arc<AtomicU64>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Server {
    async fn run(self, listener: UnixListener) {
        loop {
            let accepted = tokio::select! {
                () = self.shutdown.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((socket, _)) => {
                    self.tasks.spawn(self.clone().serve(socket));
                }
                Err(error) => {
                    // Out of file descriptors, most likely: give others time to close some.
                    tracing::warn!(%error, "a proxy's connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve(self, socket: UnixStream) {
        let server = self.clone();
        let service = service_fn(move |request| {
            let response = server.clone().answer(request);
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .initial_stream_window_size(REQUEST_WINDOW)
            .initial_connection_window_size(REQUEST_WINDOW * 2)
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(KEEPALIVE)
            .serve_connection(TokioIo::new(socket), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(DRAIN, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a proxy's connection broke");
        }
    }

    fn answer(self, request: Request<Incoming>) -> Response<Answer> {
        if request.uri().path() != ADS {
            return refuse(UNIMPLEMENTED, "there is only StreamAggregatedResources");
        }
        let token = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer "));
        let Some(proxy) = token.and_then(|token| self.tokens.authenticate(token)) else {
            return refuse(UNAUTHENTICATED, "the join token is nobody's");
        };
        let Ok(place) = self.streams.try_acquire_owned() else {
            return refuse(RESOURCE_EXHAUSTED, "too many streams");
        };
        let (pieces, receiver) = mpsc::channel(1);
        let opening = Opening {
            id: self.next_stream.fetch_add(1, Ordering::Relaxed),
            hub: self.hub,
            proxy,
            body: request.into_body(),
            pieces,
            bytes: self.bytes,
            shutdown: self.shutdown,
        };
        self.tasks.spawn(opening.run());
        let mut response = Response::new(Answer {
            pieces: Some(receiver),
            _place: Some(place),
        });
        response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
        response
    }
}

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// An answer without body: gRPC's "trailers only".
fn refuse(code: u8, message: &'static str) -> Response<Answer> {
    let mut response = Response::new(Answer {
        pieces: None,
        _place: None,
    });
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, GRPC);
    headers.insert("grpc-status", u16::from(code).into());
    headers.insert("grpc-message", HeaderValue::from_static(message));
    response
}

/// Body of an answer. hyper asks for the next piece when the proxy has room for it.
struct Answer {
    pieces: Option<mpsc::Receiver<Result<Frame<Bytes>, Infallible>>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.pieces {
            Some(pieces) => pieces.poll_recv(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_none()
    }
}
