//! HTTP connections to one endpoint: idle ones of HTTP/1.1, shared ones of HTTP/2.

mod own;
mod shared;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hyper::client::conn::{http1, http2};

use super::{
    breaker::{Bound, Permit},
    connect::{ConnectError, Opened},
};
use crate::{config::ClusterConfig, http::UpstreamBody};
use own::OwnPool;
use shared::{SharedPool, StreamMark};

/// How long an idle connection is kept.
const MAX_IDLE_TIME: Duration = Duration::from_secs(60);
/// What an endpoint may send on one stream before we have passed it on, and on all streams of a connection:
/// enough for a fast network, and a bound for a caller that reads slowly.
pub(crate) const STREAM_WINDOW: u32 = 256 << 10;
pub(crate) const CONNECTION_WINDOW: u32 = 1 << 20;
/// What waits on one stream for an endpoint that reads slowly.
pub(crate) const SEND_BUFFER: usize = 64 << 10;

/// The connections to one endpoint.
pub(super) enum Pool {
    /// Each for one request at a time.
    Http1(OwnPool),
    /// Each for many requests.
    Http2(SharedPool),
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

    /// A connection that is ready for a request: one that is there, or a new one by `open`.
    pub(super) async fn connection(
        &self,
        cluster: &ClusterConfig,
        open: impl Future<Output = Result<Opened, ConnectError>>,
    ) -> Result<Connection, ConnectError> {
        match self {
            Self::Http1(pool) => pool.connection(cluster, open).await,
            Self::Http2(pool) => pool.connection(cluster, open).await,
        }
    }

    /// Takes a connection back whose last exchange is over.
    pub(super) fn give_back(&self, connection: Connection) {
        if let Self::Http1(pool) = self {
            pool.give_back(connection);
        }
    }

    /// Closes connections that were idle for too long, or that the endpoint has closed.
    pub(super) fn close_idle(&self, now: Instant, limit: Option<Duration>) {
        let limit = limit.unwrap_or(MAX_IDLE_TIME);
        let is_old = |since: Instant| now.duration_since(since) >= limit;
        match self {
            Self::Http1(pool) => pool.close_idle(is_old),
            Self::Http2(pool) => pool.close_idle(is_old),
        }
    }
}

impl ClusterConfig {
    /// Requests that a new connection may take; `None`: any number.
    fn requests_of_connection(&self) -> Option<u32> {
        let most = self.cluster.connection_pool.max_requests_per_connection;
        most.filter(|most| *most > 0)
    }

    /// Leave to open one more connection; `None`: there are too many. An endpoint that has none gets one all the same:
    /// connections to others must not starve it.
    fn may_open(&self, has_none: impl FnOnce() -> bool) -> Option<Permit> {
        self.acquire(Bound::Connections)
            .or_else(|| has_none().then_some(Permit::FREE))
    }
}
