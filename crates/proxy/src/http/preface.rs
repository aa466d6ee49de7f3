//! Which version of HTTP a caller speaks, by the name that it agreed to in TLS or by its first bytes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// How every HTTP/2 connection begins (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// HTTP/1.1 or older.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Version {
    /// The version that a name agreed to in TLS (ALPN) stands for; `None` for names that leave it open, such
    /// as Istio's `istio`.
    pub(crate) fn of_alpn(name: &[u8]) -> Option<Self> {
        match name {
            b"h2" | b"istio-h2" => Some(Self::Http2),
            b"http/1.1" | b"istio-http/1.1" => Some(Self::Http1),
            _ => None,
        }
    }
}

/// Finds out the version, and gives the bytes that were read for it; `None` when the caller left without a
/// word. A caller that stops amid the preface is taken for HTTP/1 after the limit, which then times out.
pub(crate) async fn find_version(
    stream: &mut (impl AsyncRead + Unpin),
    agreed: Option<Version>,
    limit: Duration,
) -> Option<(Version, Bytes)> {
    if let Some(version) = agreed {
        return Some((version, Bytes::new()));
    }
    let mut start = [0; PREFACE.len()];
    let mut length = stream.read(&mut start).await.ok().filter(|length| *length > 0)?;
    let rest = async {
        while length < PREFACE.len() && start[..length] == PREFACE[..length] {
            match stream.read(&mut start[length..]).await {
                Ok(0) | Err(_) => break,
                Ok(more) => length += more,
            }
        }
    };
    // Who is too slow is seen by what was read until then.
    let _ = tokio::time::timeout(limit, rest).await;
    let version = if start == *PREFACE {
        Version::Http2
    } else {
        Version::Http1
    };
    Some((version, Bytes::copy_from_slice(&start[..length])))
}

/// A stream whose first bytes were read already and come again.
pub(crate) struct Rewound<T> {
    start: Bytes,
    stream: T,
}

impl<T> Rewound<T> {
    pub(crate) fn new(start: Bytes, stream: T) -> Self {
        Self { start, stream }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Rewound<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.start.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let length = self.start.len().min(buffer.remaining());
        buffer.put_slice(&self.start[..length]);
        self.start.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Rewound<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn the_version_is_told_by_the_first_bytes_however_they_come() {
        for (sent, want) in [
            (&PREFACE[..], Version::Http2),
            (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", Version::Http1),
            (b"POST / HTTP/1.1\r\nhost: a\r\n\r\n", Version::Http1),
            (b"G", Version::Http1),
            (b"PRI", Version::Http1),
        ] {
            for piece in [sent.len(), 5, 1] {
                let (mut caller, mut stream) = tokio::io::duplex(64);
                let write = async move {
                    for piece in sent.chunks(piece) {
                        caller.write_all(piece).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                };
                let found = async {
                    let (version, start) = find_version(&mut stream, None, Duration::from_secs(9))
                        .await
                        .unwrap();
                    let mut all = Vec::new();
                    Rewound::new(start, stream).read_to_end(&mut all).await.unwrap();
                    (version, all)
                };
                let ((), (version, all)) = tokio::join!(write, found);
                assert_eq!((version, all.as_slice()), (want, sent), "pieces of {piece}");
            }
        }
    }
}
