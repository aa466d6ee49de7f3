//! HTTP connections to one endpoint: idle ones of HTTP/1.1, shared ones of HTTP/2.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    time::{Duration, Instant},
};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
};

use super::connect::{ConnectError, Stream};
use crate::{executor::Local, http::UpstreamBody};

/// Idle connections that are kept for one endpoint. More than these come from a burst and are closed.
const MAX_IDLE: usize = 128;
/// How long an idle connection is kept.
const MAX_IDLE_TIME: Duration = Duration::from_secs(60);
/// HTTP/2 connections to one endpoint. Another is opened when all have as many streams as the endpoint allows;
/// beyond this, streams wait for each other on the connection that has the fewest.
const MAX_SHARED: usize = 8;
/// What an endpoint may send on one stream before we have passed it on, and on all streams of a connection:
/// enough for a fast network, and a bound for a caller that reads slowly.
pub(crate) const STREAM_WINDOW: u32 = 256 << 10;
pub(crate) const CONNECTION_WINDOW: u32 = 1 << 20;
/// What waits on one stream for an endpoint that reads slowly.
pub(crate) const SEND_BUFFER: usize = 64 << 10;

/// The connections to one endpoint.
pub(super) enum Pool {
    Http1(RefCell<Vec<Connection>>),
    Http2(SharedPool),
}

/// An HTTP connection, for one request.
pub(crate) struct Connection {
    pub(crate) sender: Sender,
    pub(crate) local_address: Option<SocketAddr>,
    idle_since: Instant,
    /// Whether a request was sent on it before.
    pub(crate) reused: bool,
}

/// How a request is sent.
pub(crate) enum Sender {
    Http1(http1::SendRequest<UpstreamBody>),
    /// Beside it, the mark that the stream is one more on its connection.
    Http2(
        http2::SendRequest<UpstreamBody>,
        #[expect(dead_code, reason = "its end counts")] StreamMark,
    ),
}

/// HTTP/2 connections, each for many requests.
#[derive(Default)]
pub(super) struct SharedPool {
    connections: RefCell<Vec<Rc<Shared>>>,
    /// Somebody opens a connection; others wait for it.
    opening: Cell<bool>,
    opened: Notify,
    /// Counts failures, and the last of them: who waited gets it too.
    failures: Cell<u64>,
    failure: RefCell<Option<ConnectError>>,
}

struct Shared {
    sender: http2::SendRequest<UpstreamBody>,
    local_address: Option<SocketAddr>,
    streams: Cell<usize>,
    allows: Box<dyn Fn() -> usize>,
    used: Cell<bool>,
    idle_since: Cell<Instant>,
}

/// One stream more on a connection, until it is dropped.
pub(crate) struct StreamMark(Rc<Shared>);

impl Drop for StreamMark {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
        if self.0.streams.get() == 0 {
            self.0.idle_since.set(Instant::now());
        }
    }
}

impl Pool {
    pub(super) fn new(is_http2: bool) -> Self {
        if is_http2 {
            Self::Http2(SharedPool::default())
        } else {
            Self::Http1(RefCell::default())
        }
    }

    pub(super) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    pub(super) async fn connection<F>(&self, open: impl FnOnce() -> F) -> Result<Connection, ConnectError>
    where
        F: Future<Output = Result<(Stream, Option<SocketAddr>), ConnectError>>,
    {
        let idle = match self {
            Self::Http1(idle) => idle,
            Self::Http2(pool) => return pool.connection(open).await,
        };
        loop {
            // Its own statement, so that the borrow does not last over the wait.
            let popped = idle.borrow_mut().pop();
            let Some(mut connection) = popped else { break };
            let Sender::Http1(sender) = &mut connection.sender else {
                continue;
            };
            if sender.is_closed() {
                continue;
            }
            if sender.is_ready() || sender.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        match open().await? {
            (Stream::Plain(stream), local) => handshake(stream, local).await,
            (Stream::Tls(stream), local) => handshake(stream, local).await,
        }
    }

    /// Takes a connection back whose last exchange is over.
    pub(super) fn give_back(&self, mut connection: Connection) {
        if let (Self::Http1(idle), Sender::Http1(sender)) = (self, &connection.sender) {
            let mut idle = idle.borrow_mut();
            if !sender.is_closed() && idle.len() < MAX_IDLE {
                connection.idle_since = Instant::now();
                connection.reused = true;
                idle.push(connection);
            }
        }
    }

    /// Closes connections that were idle for too long, or that the endpoint has closed.
    pub(super) fn close_idle(&self, now: Instant) {
        let is_old = |since: Instant| now.duration_since(since) >= MAX_IDLE_TIME;
        match self {
            Self::Http1(idle) => idle.borrow_mut().retain(|connection| {
                matches!(&connection.sender, Sender::Http1(sender) if !sender.is_closed())
                    && !is_old(connection.idle_since)
            }),
            Self::Http2(pool) => pool.connections.borrow_mut().retain(|shared| {
                !shared.sender.is_closed() && (shared.streams.get() > 0 || !is_old(shared.idle_since.get()))
            }),
        }
    }
}

impl SharedPool {
    async fn connection<F>(&self, open: impl FnOnce() -> F) -> Result<Connection, ConnectError>
    where
        F: Future<Output = Result<(Stream, Option<SocketAddr>), ConnectError>>,
    {
        loop {
            if let Some(connection) = self.pick() {
                return Ok(connection);
            }
            if !self.opening.get() {
                break;
            }
            let before = self.failures.get();
            self.opened.notified().await;
            if self.failures.get() != before
                && let Some(failure) = &*self.failure.borrow()
            {
                return Err(failure.clone());
            }
        }
        let _opening = Opening::start(self);
        let opened = match open().await {
            Ok((Stream::Plain(stream), local)) => share(stream, local).await,
            Ok((Stream::Tls(stream), local)) => share(stream, local).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(shared) => {
                let connection = shared.lend();
                self.connections.borrow_mut().push(shared);
                Ok(connection)
            }
            Err(error) => {
                self.failures.set(self.failures.get() + 1);
                *self.failure.borrow_mut() = Some(error.clone());
                Err(error)
            }
        }
    }

    /// The first connection with room; when there may be no more connections, the one with the fewest streams.
    fn pick(&self) -> Option<Connection> {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|shared| !shared.sender.is_closed());
        let free = connections
            .iter()
            .find(|shared| shared.streams.get() < shared.max_streams());
        let fewest = || connections.iter().min_by_key(|shared| shared.streams.get());
        let picked = match free {
            None if connections.len() >= MAX_SHARED => fewest(),
            free => free,
        };
        picked.map(Shared::lend)
    }
}

/// Says that somebody opens a connection, until it is dropped: also when the request that waits is cancelled.
struct Opening<'a>(&'a SharedPool);

impl<'a> Opening<'a> {
    fn start(pool: &'a SharedPool) -> Self {
        pool.opening.set(true);
        Self(pool)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.opening.set(false);
        self.0.opened.notify_waiters();
    }
}

impl Shared {
    /// Streams that the endpoint allows at once, which it may change at any time.
    fn max_streams(&self) -> usize {
        (self.allows)().max(1)
    }

    fn lend(self: &Rc<Self>) -> Connection {
        self.streams.set(self.streams.get() + 1);
        Connection {
            sender: Sender::Http2(self.sender.clone(), StreamMark(Rc::clone(self))),
            local_address: self.local_address,
            idle_since: self.idle_since.get(),
            reused: self.used.replace(true),
        }
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    local_address: Option<SocketAddr>,
) -> Result<Connection, ConnectError> {
    let (sender, connection) = http1::Builder::new()
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| ConnectError::Failed(error.to_string()))?;
    tokio::task::spawn_local(async move {
        // An error here shows at the request that it hits; without one nobody needs to know.
        let _ = connection.await;
    });
    Ok(Connection {
        sender: Sender::Http1(sender),
        local_address,
        idle_since: Instant::now(),
        reused: false,
    })
}

async fn share<T: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: T,
    local_address: Option<SocketAddr>,
) -> Result<Rc<Shared>, ConnectError> {
    let (sender, connection) = http2::Builder::new(Local)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| ConnectError::Failed(error.to_string()))?;
    let connection = Rc::new(RefCell::new(connection));
    let driven = Rc::clone(&connection);
    tokio::task::spawn_local(async move {
        // An error here shows at the requests that it hits.
        let _ = poll_fn(|cx| Pin::new(&mut *driven.borrow_mut()).poll(cx)).await;
    });
    Ok(Rc::new(Shared {
        sender,
        local_address,
        streams: Cell::new(0),
        allows: Box::new(move || connection.borrow().current_max_send_streams()),
        used: Cell::new(false),
        idle_since: Cell::new(Instant::now()),
    }))
}
