//! What the bytes of a caller's connection tell that hyper does not: when a head began, and whether it has two
//! lengths.

use std::{
    cell::{Cell, RefCell},
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::downstream::Downstream;

/// Largest request head, as Envoy's default.
pub(crate) const MAX_HEAD: usize = 60 << 10;

/// Where a connection is between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Between requests.
    Idle,
    /// A head has begun to come.
    Head,
    /// A request is being answered.
    Busy,
}

/// Follows the requests of one connection.
#[derive(Debug)]
pub(crate) struct HeadWatch {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    two_lengths: Cell<bool>,
    /// Requests that are being answered; HTTP/2 has several at once.
    requests: Cell<u32>,
    is_closed: Cell<bool>,
    /// The start of a head that came in pieces.
    start: RefCell<Vec<u8>>,
}

impl HeadWatch {
    pub(crate) fn new() -> Self {
        Self {
            phase: Cell::new(Phase::Idle),
            since: Cell::new(Instant::now()),
            two_lengths: Cell::new(false),
            requests: Cell::new(0),
            is_closed: Cell::new(false),
            start: RefCell::default(),
        }
    }

    /// A head is complete. Tells whether it had both a length and a transfer encoding. hyper goes by the
    /// encoding then and drops the length, which is safe; but who sends both means harm.
    pub(crate) fn begin(&self) -> bool {
        self.phase.set(Phase::Busy);
        self.requests.set(self.requests.get() + 1);
        self.start.borrow_mut().clear();
        self.two_lengths.replace(false)
    }

    /// The answer is complete.
    pub(crate) fn end(&self) {
        self.requests.set(self.requests.get().saturating_sub(1));
        if self.requests.get() == 0 {
            self.phase.set(Phase::Idle);
            self.since.set(Instant::now());
        }
    }

    /// The connection has ended.
    pub(crate) fn close(&self) {
        self.is_closed.set(true);
    }

    /// Whether the connection has ended, as far as that was said.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// How long a head has been on its way; `None` when there is none.
    pub(crate) fn head_age(&self) -> Option<Duration> {
        (self.phase.get() == Phase::Head).then(|| self.since.get().elapsed())
    }

    /// How long the connection has been between two requests; `None` when it is not.
    pub(crate) fn idle_age(&self) -> Option<Duration> {
        (self.phase.get() == Phase::Idle).then(|| self.since.get().elapsed())
    }

    fn read(&self, bytes: &[u8]) {
        match self.phase.get() {
            Phase::Busy => return,
            Phase::Idle => {
                self.phase.set(Phase::Head);
                self.since.set(Instant::now());
            }
            Phase::Head => (),
        }
        let mut start = self.start.borrow_mut();
        let head = if start.is_empty() {
            bytes
        } else {
            start.extend_from_slice(bytes);
            &start
        };
        match has_two_lengths(head) {
            Some(found) => self.two_lengths.set(found),
            None if start.is_empty() => start.extend_from_slice(bytes),
            None => start.truncate(MAX_HEAD),
        }
    }
}

/// Whether a head has both `content-length` and `transfer-encoding`; `None` when it is not complete.
fn has_two_lengths(head: &[u8]) -> Option<bool> {
    let (mut length, mut encoding) = (false, false);
    let mut rest = head;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        rest = &rest[end + 1..];
        match rest.first()? {
            b'\r' | b'\n' => return Some(length && encoding),
            b'c' | b'C' => length |= starts_with(rest, b"content-length"),
            b't' | b'T' => encoding |= starts_with(rest, b"transfer-encoding"),
            _ => (),
        }
    }
    None
}

fn starts_with(text: &[u8], name: &[u8]) -> bool {
    text.get(..name.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// A caller's stream whose bytes are watched. It is shared with who serves it, for a last word that hyper does
/// not know.
pub(crate) struct Watched<T> {
    pub(crate) stream: Rc<RefCell<T>>,
    pub(crate) downstream: Rc<Downstream>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut *self.stream.borrow_mut()).poll_read(cx, buffer);
        let bytes = &buffer.filled()[before..];
        if !bytes.is_empty() {
            self.downstream.watch.read(bytes);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream.borrow_mut()).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.borrow().is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lengths_in_one_head_are_seen_in_any_order_and_in_pieces() {
        for (head, want) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", false),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\ncontent-length: 1\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\ntransfer-encoding: chunked\r\n",
                false,
            ),
        ] {
            for pieces in [head.len(), 7, 1] {
                let watch = HeadWatch::new();
                for piece in head.as_bytes().chunks(pieces) {
                    watch.read(piece);
                }
                assert_eq!(watch.begin(), want, "{head} in pieces of {pieces}");
            }
        }
    }

    #[test]
    fn a_head_is_on_its_way_from_its_first_byte_to_its_last() {
        let watch = HeadWatch::new();
        assert!(watch.head_age().is_none() && watch.idle_age().is_some());
        watch.read(b"GET");
        assert!(watch.head_age().is_some() && watch.idle_age().is_none());
        watch.begin();
        assert!(watch.head_age().is_none() && watch.idle_age().is_none());
        watch.end();
        assert!(watch.idle_age().is_some());
    }
}
