//! A request's body: counted, and kept as long as another try may need it.

use std::{
    cell::{Cell, RefCell},
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::Notify;
use vigla_model::Protocol;

use crate::http::grpc::Messages;

/// A request's body: read once from the caller, sent to the upstream as often as the request is tried.
pub(crate) struct RequestBody {
    incoming: RefCell<Incoming>,
    size: SizeHint,
    received: Cell<u64>,
    /// What has come so far; `None` when it is too much to be kept, or no retry is wanted.
    kept: RefCell<Option<Vec<Kept>>>,
    kept_bytes: Cell<usize>,
    /// A longer body is not kept.
    max_kept: usize,
    ended_at: Cell<Option<Instant>>,
    ended: Notify,
    broken: Cell<bool>,
    /// The messages in it, when it is gRPC.
    messages: Option<Messages>,
    /// The try that may read; those before it get an error.
    current_try: Cell<u32>,
}

/// A frame that may be needed again.
#[derive(Clone)]
pub(crate) enum Kept {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl From<Kept> for Frame<Bytes> {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Data(bytes) => Self::data(bytes),
            Kept::Trailers(trailers) => Self::trailers(trailers),
        }
    }
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, keep: Option<usize>, protocol: Protocol) -> Rc<Self> {
        Rc::new(Self {
            size: incoming.size_hint(),
            incoming: RefCell::new(incoming),
            received: Cell::new(0),
            kept: RefCell::new(keep.map(|_| Vec::new())),
            max_kept: keep.unwrap_or(0),
            kept_bytes: Cell::new(0),
            ended_at: Cell::new(None),
            ended: Notify::new(),
            broken: Cell::new(false),
            messages: (protocol == Protocol::Grpc).then(Messages::default),
            current_try: Cell::new(0),
        })
    }

    /// Bytes that have come so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.get()
    }

    /// gRPC messages that have come so far.
    pub(crate) fn messages(&self) -> u64 {
        self.messages.as_ref().map_or(0, Messages::count)
    }

    /// When the last byte came; `None` before that.
    pub(crate) fn ended_at(&self) -> Option<Instant> {
        self.ended_at.get()
    }

    /// Whether the caller broke off.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.get()
    }

    /// Waits for the last byte.
    pub(crate) async fn ended(&self) {
        while self.ended_at.get().is_none() {
            self.ended.notified().await;
        }
    }

    /// Whether it can be sent once more.
    pub(crate) fn can_replay(&self) -> bool {
        self.kept.borrow().is_some() && !self.broken.get()
    }

    /// A copy of the whole body, once its last byte has come; `None` when it was too long to be kept, or broke off.
    pub(crate) fn copy(&self) -> Option<UpstreamBody> {
        let is_whole = self.ended_at.get().is_some() && !self.broken.get();
        let kept = self.kept.borrow();
        let frames = kept.as_ref().filter(|_| is_whole)?;
        Some(UpstreamBody::Copy {
            left: self.kept_bytes.get(),
            frames: frames.clone().into_iter(),
        })
    }

    /// The body for the next try.
    pub(crate) fn next_try(self: &Rc<Self>) -> UpstreamBody {
        self.current_try.set(self.current_try.get() + 1);
        UpstreamBody::Stream {
            body: Rc::clone(self),
            number: self.current_try.get(),
            at: 0,
        }
    }

    fn poll(&self, cx: &mut Context<'_>, at: &mut usize) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(kept) = self.kept.borrow().as_ref()
            && let Some(chunk) = kept.get(*at)
        {
            *at += 1;
            return Poll::Ready(Some(Ok(chunk.clone().into())));
        }
        if self.ended_at.get().is_some() {
            return Poll::Ready(None);
        }
        let mut incoming = self.incoming.borrow_mut();
        let frame = match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(frame) => frame,
        };
        match &frame {
            Some(Ok(frame)) => {
                if let Some(chunk) = frame.data_ref() {
                    self.received.set(self.received.get() + chunk.len() as u64);
                    if let Some(messages) = &self.messages {
                        messages.pass(chunk);
                    }
                    self.keep(|| Kept::Data(chunk.clone()), chunk.len(), at);
                } else if let Some(trailers) = frame.trailers_ref() {
                    self.keep(|| Kept::Trailers(trailers.clone()), 0, at);
                }
            }
            Some(Err(_)) => self.broken.set(true),
            None => (),
        }
        if frame.is_none() || incoming.is_end_stream() {
            self.ended_at.set(Some(Instant::now()));
            self.ended.notify_waiters();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|_| BodyError::Caller)))
    }

    /// Whether who is at this frame has got all.
    fn is_given(&self, at: usize) -> bool {
        let kept = self.kept.borrow();
        self.ended_at.get().is_some()
            && !self.broken.get()
            && kept.as_ref().is_none_or(|frames| at >= frames.len())
    }

    fn keep(&self, frame: impl FnOnce() -> Kept, length: usize, at: &mut usize) {
        let mut kept = self.kept.borrow_mut();
        let Some(frames) = kept.as_mut() else { return };
        let bytes = self.kept_bytes.get() + length;
        if bytes > self.max_kept {
            *kept = None;
        } else {
            self.kept_bytes.set(bytes);
            frames.push(frame());
            *at = frames.len();
        }
    }
}

/// Why a request's body cannot be sent to its end.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The caller broke off.
    Caller,
    /// Another try reads it now.
    Superseded,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "the caller broke off",
            Self::Superseded => "the request is tried elsewhere",
        })
    }
}

impl std::error::Error for BodyError {}

/// What an upstream connection sends.
pub(crate) enum UpstreamBody {
    /// No body.
    Empty,
    /// The caller's.
    Stream {
        body: Rc<RequestBody>,
        number: u32,
        at: usize,
    },
    /// A copy of it, for somebody else.
    Copy {
        frames: std::vec::IntoIter<Kept>,
        /// Bytes that are still to come.
        left: usize,
    },
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Stream { body, number, .. } if *number != body.current_try.get() => {
                Poll::Ready(Some(Err(BodyError::Superseded)))
            }
            Self::Stream { body, at, .. } => body.poll(cx, at),
            Self::Copy { frames, left } => {
                let next = frames.next();
                if let Some(Kept::Data(bytes)) = &next {
                    *left -= bytes.len();
                }
                Poll::Ready(next.map(|kept| Ok(kept.into())))
            }
        }
    }

    /// Says it with the last frame: else an empty frame would follow it at each proxy, and one of these is passed on as
    /// one that does not end the body, of which peers take a hundred per connection before they close it.
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream { body, number, at } => *number == body.current_try.get() && body.is_given(*at),
            Self::Copy { frames, .. } => frames.as_slice().is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream { body, .. } => body.size,
            Self::Copy { left, .. } => SizeHint::with_exact(*left as u64),
        }
    }
}
