//! HTTP connections to one endpoint: idle ones of HTTP/1.1, shared ones of HTTP/2.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::{Duration, Instant},
};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Notify,
};

use super::{
    breaker::{Bound, Permit},
    connect::{ConnectError, Stream},
};
use crate::{config::ClusterConfig, executor::Local, http::UpstreamBody};

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
    Http1(OwnPool),
    Http2(SharedPool),
}

/// HTTP/1.1 connections, each for one request at a time.
#[derive(Default)]
pub(super) struct OwnPool {
    idle: RefCell<Vec<Connection>>,
    /// Tells of connections that became idle or ended, to requests that may open none.
    freed: Rc<Freed>,
}

#[derive(Default)]
struct Freed {
    open: Cell<u32>,
    notify: Notify,
}

/// An HTTP connection, for one request.
pub(crate) struct Connection {
    pub(crate) sender: Sender,
    pub(crate) local_address: Option<SocketAddr>,
    idle_since: Instant,
    /// Whether a request was sent on it before.
    pub(crate) reused: bool,
    /// Requests that it may still take after this one; `None`: any number.
    left: Option<u32>,
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
    /// Requests that it may still take; `None`: any number.
    left: Cell<Option<u32>>,
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
            Self::Http1(OwnPool::default())
        }
    }

    pub(super) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }

    pub(super) async fn connection<F>(
        &self,
        cluster: &ClusterConfig,
        open: impl FnOnce() -> F,
    ) -> Result<Connection, ConnectError>
    where
        F: Future<Output = Result<(Stream, Option<SocketAddr>), ConnectError>>,
    {
        match self {
            Self::Http1(pool) => pool.connection(cluster, open).await,
            Self::Http2(pool) => pool.connection(cluster, open).await,
        }
    }

    /// Takes a connection back whose last exchange is over.
    pub(super) fn give_back(&self, mut connection: Connection) {
        if let (Self::Http1(pool), Sender::Http1(sender)) = (self, &connection.sender) {
            let mut idle = pool.idle.borrow_mut();
            if !sender.is_closed() && idle.len() < MAX_IDLE && connection.left != Some(0) {
                connection.left = connection.left.map(|left| left - 1);
                connection.idle_since = Instant::now();
                connection.reused = true;
                idle.push(connection);
                pool.freed.notify.notify_one();
            }
        }
    }

    /// Closes connections that were idle for too long, or that the endpoint has closed.
    pub(super) fn close_idle(&self, now: Instant, limit: Option<Duration>) {
        let limit = limit.unwrap_or(MAX_IDLE_TIME);
        let is_old = |since: Instant| now.duration_since(since) >= limit;
        match self {
            Self::Http1(pool) => pool.idle.borrow_mut().retain(|connection| {
                matches!(&connection.sender, Sender::Http1(sender) if !sender.is_closed())
                    && !is_old(connection.idle_since)
            }),
            Self::Http2(pool) => pool.connections.borrow_mut().retain(|shared| {
                !shared.sender.is_closed() && (shared.streams.get() > 0 || !is_old(shared.idle_since.get()))
            }),
        }
    }
}

impl OwnPool {
    async fn connection<F>(
        &self,
        cluster: &ClusterConfig,
        open: impl FnOnce() -> F,
    ) -> Result<Connection, ConnectError>
    where
        F: Future<Output = Result<(Stream, Option<SocketAddr>), ConnectError>>,
    {
        if let Some(connection) = self.idle().await {
            return Ok(connection);
        }
        let _pending = cluster.acquire(Bound::Pending).ok_or(ConnectError::Overflow)?;
        let permit = loop {
            match cluster.acquire(Bound::Connections) {
                Some(permit) => break permit,
                // Connections to other endpoints must not starve this one.
                None if self.freed.open.get() == 0 => break Permit::FREE,
                None => self.freed.notify.notified().await,
            }
            if let Some(connection) = self.idle().await {
                return Ok(connection);
            }
        };
        let counted = Opened::new(&self.freed, permit);
        let left = cluster.cluster.connection_pool.max_requests_per_connection;
        let left = left.filter(|most| *most > 0).map(|most| most - 1);
        match open().await? {
            (Stream::Plain(stream), local) => handshake(stream, local, counted, left).await,
            (Stream::Tls(stream), local) => handshake(stream, local, counted, left).await,
        }
    }

    async fn idle(&self) -> Option<Connection> {
        loop {
            // Its own statement, so that the borrow does not last over the wait.
            let popped = self.idle.borrow_mut().pop();
            let mut connection = popped?;
            let Sender::Http1(sender) = &mut connection.sender else {
                continue;
            };
            if sender.is_closed() {
                continue;
            }
            if sender.is_ready() || sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }
}

/// One connection more to an endpoint, until it is dropped.
struct Opened {
    freed: Rc<Freed>,
    _permit: Permit,
}

impl Opened {
    fn new(freed: &Rc<Freed>, permit: Permit) -> Self {
        freed.open.set(freed.open.get() + 1);
        Self {
            freed: Rc::clone(freed),
            _permit: permit,
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.freed.open.set(self.freed.open.get() - 1);
        self.freed.notify.notify_one();
    }
}

impl SharedPool {
    async fn connection<F>(
        &self,
        cluster: &ClusterConfig,
        open: impl FnOnce() -> F,
    ) -> Result<Connection, ConnectError>
    where
        F: Future<Output = Result<(Stream, Option<SocketAddr>), ConnectError>>,
    {
        if let Some(connection) = self.pick(false) {
            return Ok(connection);
        }
        let _pending = cluster.acquire(Bound::Pending).ok_or(ConnectError::Overflow)?;
        let permit = loop {
            if let Some(connection) = self.pick(false) {
                return Ok(connection);
            }
            if !self.opening.get() {
                match cluster.acquire(Bound::Connections) {
                    Some(permit) => break permit,
                    None => match self.pick(true) {
                        Some(connection) => return Ok(connection),
                        // Connections to other endpoints must not starve this one.
                        None => break Permit::FREE,
                    },
                }
            }
            let before = self.failures.get();
            self.opened.notified().await;
            if self.failures.get() != before
                && let Some(failure) = &*self.failure.borrow()
            {
                return Err(failure.clone());
            }
        };
        let left = cluster.cluster.connection_pool.max_requests_per_connection;
        let left = left.filter(|most| *most > 0);
        let _opening = Opening::start(self);
        let opened = match open().await {
            Ok((Stream::Plain(stream), local)) => share(stream, local, permit, left).await,
            Ok((Stream::Tls(stream), local)) => share(stream, local, permit, left).await,
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
    fn pick(&self, any: bool) -> Option<Connection> {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|shared| !shared.sender.is_closed() && shared.left.get() != Some(0));
        let free = connections
            .iter()
            .find(|shared| shared.streams.get() < shared.max_streams());
        let fewest = || connections.iter().min_by_key(|shared| shared.streams.get());
        let picked = match free {
            None if any || connections.len() >= MAX_SHARED => fewest(),
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
        self.left.set(self.left.get().map(|left| left.saturating_sub(1)));
        Connection {
            sender: Sender::Http2(self.sender.clone(), StreamMark(Rc::clone(self))),
            local_address: self.local_address,
            idle_since: self.idle_since.get(),
            reused: self.used.replace(true),
            left: None,
        }
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    local_address: Option<SocketAddr>,
    counted: Opened,
    left: Option<u32>,
) -> Result<Connection, ConnectError> {
    let (sender, connection) = http1::Builder::new()
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| ConnectError::Failed(error.to_string()))?;
    tokio::task::spawn_local(async move {
        // An error here shows at the request that it hits; without one nobody needs to know.
        let _ = connection.await;
        drop(counted);
    });
    Ok(Connection {
        sender: Sender::Http1(sender),
        local_address,
        idle_since: Instant::now(),
        reused: false,
        left,
    })
}

async fn share<T: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: T,
    local_address: Option<SocketAddr>,
    permit: Permit,
    left: Option<u32>,
) -> Result<Rc<Shared>, ConnectError> {
    let (sender, connection) = http2::Builder::new(Local)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| ConnectError::Failed(error.to_string()))?;
    let connection = Rc::new(RefCell::new(Some(connection)));
    let driven = Rc::clone(&connection);
    tokio::task::spawn_local(async move {
        // An error here shows at the requests that it hits.
        let _ = poll_fn(|cx| match &mut *driven.borrow_mut() {
            Some(connection) => Pin::new(connection).poll(cx),
            None => Poll::Ready(Ok(())),
        })
        .await;
        // Its end is what tells the sender that it is closed: kept, it would take requests that nobody sends.
        let ended = driven.borrow_mut().take();
        drop(ended);
        drop(permit);
    });
    Ok(Rc::new(Shared {
        sender,
        local_address,
        streams: Cell::new(0),
        allows: Box::new(move || {
            let connection = connection.borrow();
            connection
                .as_ref()
                .map_or(0, http2::Connection::current_max_send_streams)
        }),
        used: Cell::new(false),
        left: Cell::new(left),
        idle_since: Cell::new(Instant::now()),
    }))
}
