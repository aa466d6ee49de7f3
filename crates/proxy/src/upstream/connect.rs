//! Opening streams to an endpoint.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rustix::net::sockopt;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use vigla_dataplane::Keepalive;

use crate::config::TlsClient;

/// How an endpoint is reached.
pub(super) struct Connector {
    pub(super) address: SocketAddr,
    /// `Err` when the keys cannot be used: connections fail, and say so.
    pub(super) tls: Option<Result<Arc<TlsClient>, Arc<str>>>,
    /// For connection and TLS together.
    pub(super) limit: Duration,
    pub(super) keepalive: Option<Keepalive>,
}

/// Why there is no connection.
#[derive(Debug, Clone)]
pub(crate) enum ConnectError {
    /// The circuit breaker is open.
    Overflow,
    /// Not within the cluster's limit.
    Timeout,
    /// Refused, unreachable, or no TLS session; in words.
    Failed(String),
}

/// A stream to an endpoint, and our end's address.
pub(crate) type Opened = (Stream, Option<SocketAddr>);

/// A stream to an endpoint.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Does the same with either kind.
macro_rules! either {
    ($stream:expr, $method:ident($($argument:expr),*)) => {
        match $stream.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(&mut **stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

impl Connector {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same_tls = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(Ok(a)), Some(Ok(b))) => Arc::ptr_eq(a, b),
            _ => false,
        };
        same_tls
            && self.address == other.address
            && self.limit == other.limit
            && self.keepalive == other.keepalive
    }

    pub(super) async fn connect(&self) -> Result<Opened, ConnectError> {
        let opened = tokio::time::timeout(self.limit, self.open()).await;
        opened.unwrap_or(Err(ConnectError::Timeout))
    }

    async fn open(&self) -> Result<Opened, ConnectError> {
        let failed = |error: io::Error| ConnectError::Failed(error.to_string());
        let stream = TcpStream::connect(self.address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        if let Some(keepalive) = self.keepalive {
            set_keepalive(&stream, keepalive).map_err(|error| failed(error.into()))?;
        }
        let local = stream.local_addr().ok();
        match &self.tls {
            None => Ok((Stream::Plain(stream), local)),
            Some(Err(problem)) => Err(ConnectError::Failed(problem.to_string())),
            Some(Ok(tls)) => {
                let session = tls.connector.connect(tls.name.clone(), stream).await;
                let session = session.map_err(|error| ConnectError::Failed(format!("TLS: {error}")))?;
                Ok((Stream::Tls(Box::new(session)), local))
            }
        }
    }
}

fn set_keepalive(stream: &TcpStream, keepalive: Keepalive) -> rustix::io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    if let Some(time) = keepalive.time {
        sockopt::set_tcp_keepidle(stream, time)?;
    }
    if let Some(interval) = keepalive.interval {
        sockopt::set_tcp_keepintvl(stream, interval)?;
    }
    if let Some(probes) = keepalive.probes {
        sockopt::set_tcp_keepcnt(stream, probes)?;
    }
    Ok(())
}
