//! HTTP/2 connections, each for many requests.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Instant,
};

use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;

use super::{CONNECTION_WINDOW, Connection, SEND_BUFFER, STREAM_WINDOW, Sender};
use crate::{
    config::ClusterConfig,
    executor::Local,
    http::UpstreamBody,
    upstream::{
        breaker::{Bound, Permit},
        connect::{ConnectError, Opened},
    },
};

/// HTTP/2 connections to one endpoint. Another is opened when all have as many streams as the endpoint allows;
/// beyond this, streams wait for each other on the connection that has the fewest.
const MAX_SHARED: usize = 8;

#[derive(Default)]
pub(in crate::upstream) struct SharedPool {
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

impl SharedPool {
    pub(super) async fn connection(
        &self,
        cluster: &ClusterConfig,
        open: impl Future<Output = Result<Opened, ConnectError>>,
    ) -> Result<Connection, ConnectError> {
        if let Some(connection) = self.pick(false) {
            return Ok(connection);
        }
        let _pending = cluster.acquire(Bound::Pending).ok_or(ConnectError::Overflow)?;
        let permit = loop {
            if let Some(connection) = self.pick(false) {
                return Ok(connection);
            }
            if !self.opening.get() {
                if let Some(permit) = cluster.may_open(|| self.connections.borrow().is_empty()) {
                    break permit;
                }
                if let Some(connection) = self.pick(true) {
                    return Ok(connection);
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
        let _opening = Opening::start(self);
        let opened = match open.await {
            Ok(opened) => share(opened, permit, cluster.requests_of_connection()).await,
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

    pub(super) fn close_idle(&self, is_old: impl Fn(Instant) -> bool) {
        self.connections.borrow_mut().retain(|shared| {
            !shared.sender.is_closed() && (shared.streams.get() > 0 || !is_old(shared.idle_since.get()))
        });
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

async fn share(
    (stream, local_address): Opened,
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
