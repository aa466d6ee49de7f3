//! Bodies on their way through: counted, and kept as long as a retry may need them.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{sync::Notify, time::Sleep};
use vigla_model::{Protocol, ResponseFlag};

use super::{
    grpc::{Messages, grpc_status},
    send::Lease,
};
use crate::{
    metrics::{Labelled, MessageKey, MessageSeries},
    record::Record,
};

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
enum Kept {
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
        }
    }

    /// Says it with the last frame: else an empty frame would follow it at each proxy, and one of these is passed on as
    /// one that does not end the body, of which peers take a hundred per connection before they close it.
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream { body, number, at } => *number == body.current_try.get() && body.is_given(*at),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream { body, .. } => body.size,
        }
    }
}

/// What the caller gets. When it ends, the request is counted and the connection goes back.
pub(crate) struct ResponseBody {
    content: Content,
    record: Box<Record>,
    /// The messages that came, when it is gRPC.
    messages: Option<CountedMessages>,
    /// When the route's timeout passes, if it has one and the upstream still sends.
    deadline: Option<Pin<Box<Sleep>>>,
}

enum Content {
    Upstream(Incoming, Option<Lease>),
    Local(Bytes),
}

impl ResponseBody {
    /// An answer of our own.
    pub(crate) fn local(body: Bytes, mut record: Box<Record>) -> Self {
        record.bytes_sent = body.len() as u64;
        Self {
            content: Content::Local(body),
            record,
            messages: None,
            deadline: None,
        }
    }

    /// The upstream's answer. `left` is what remains of the route's timeout.
    pub(crate) fn upstream(
        incoming: Incoming,
        lease: Lease,
        mut record: Box<Record>,
        left: Option<Duration>,
    ) -> Self {
        let mut lease = Some(lease);
        let mut deadline = None;
        let messages = (record.protocol == Protocol::Grpc).then(|| CountedMessages::new(&record));
        if incoming.is_end_stream() {
            give_back(&mut lease, &record);
            record.finish();
        } else {
            deadline = left.map(|left| Box::pin(tokio::time::sleep(left)));
        }
        Self {
            content: Content::Upstream(incoming, lease),
            record,
            messages,
            deadline,
        }
    }
}

/// The connection can take another request, unless the upstream answered before it had read all.
fn give_back(lease: &mut Option<Lease>, record: &Record) {
    let sent = record
        .request_body
        .as_ref()
        .is_none_or(|body| body.ended_at().is_some());
    if let Some(lease) = lease.take()
        && sent
    {
        lease.give_back();
    }
}

/// Why an answer breaks off.
#[derive(Debug)]
pub(crate) enum ResponseError {
    Upstream(hyper::Error),
    Timeout,
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream(error) => write!(f, "the upstream broke off: {error}"),
            Self::Timeout => f.write_str("the route's timeout passed"),
        }
    }
}

impl std::error::Error for ResponseError {
    /// The upstream's error: hyper finds the reason for an HTTP/2 reset in it, and passes it on.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Upstream(error) => Some(error),
            Self::Timeout => None,
        }
    }
}

/// The reason with which the other end reset an HTTP/2 stream; `None` when that is not what happened.
pub(crate) fn reset_reason(error: &hyper::Error) -> Option<h2::Reason> {
    let error = std::error::Error::source(error)?.downcast_ref::<h2::Error>()?;
    error.reason().filter(|_| error.is_reset() && error.is_remote())
}

/// Messages of both directions on their way into the metrics, while the stream lives.
struct CountedMessages {
    series: Rc<Labelled<MessageSeries>>,
    responses: Messages,
    counted: (u64, u64),
}

impl CountedMessages {
    fn new(record: &Record) -> Self {
        Self {
            series: record.downstream.worker.metrics.messages(MessageKey {
                telemetry: record.downstream.telemetry,
                peer: record.peer(),
                service: record.service,
            }),
            responses: Messages::default(),
            counted: (0, 0),
        }
    }

    fn pass(&mut self, chunk: &[u8], record: &Record) {
        self.responses.pass(chunk);
        self.count(record);
    }

    fn count(&mut self, record: &Record) {
        let requests = record.request_body.as_ref().map_or(0, |body| body.messages());
        let responses = self.responses.count();
        let series = &self.series.series;
        series
            .requests
            .set(series.requests.get() + requests - self.counted.0);
        series
            .responses
            .set(series.responses.get() + responses - self.counted.1);
        self.counted = (requests, responses);
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseError>>> {
        let this = self.get_mut();
        let (incoming, lease) = match &mut this.content {
            Content::Local(bytes) => {
                this.record.finish();
                let bytes = std::mem::take(bytes);
                return Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))));
            }
            Content::Upstream(incoming, lease) => (incoming, lease),
        };
        match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(chunk) = frame.data_ref() {
                    this.record.bytes_sent += chunk.len() as u64;
                    if let Some(messages) = &mut this.messages {
                        messages.pass(chunk, &this.record);
                    }
                } else if let Some(status) = frame.trailers_ref().and_then(grpc_status) {
                    this.record.grpc_status = Some(status);
                }
                if incoming.is_end_stream() {
                    give_back(lease, &this.record);
                    this.record.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                give_back(lease, &this.record);
                this.record.finish();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                *lease = None;
                let (flag, details) = match reset_reason(&error) {
                    None => (
                        ResponseFlag::UpstreamClosed,
                        "upstream_reset_after_response_started{connection_termination}",
                    ),
                    Some(_) => (
                        ResponseFlag::UpstreamReset,
                        "upstream_reset_after_response_started{remote_reset}",
                    ),
                };
                this.record.flag(flag);
                this.record.details = Some(Cow::Borrowed(details));
                this.record.finish();
                Poll::Ready(Some(Err(ResponseError::Upstream(error))))
            }
            Poll::Pending => {
                let Some(deadline) = &mut this.deadline else {
                    return Poll::Pending;
                };
                if deadline.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                *lease = None;
                this.record.flag(ResponseFlag::UpstreamTimeout);
                this.record.details = Some(Cow::Borrowed("response_timeout"));
                this.record.finish();
                Poll::Ready(Some(Err(ResponseError::Timeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Upstream(incoming, _) => incoming.is_end_stream(),
            Content::Local(bytes) => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Upstream(incoming, _) => incoming.size_hint(),
            Content::Local(bytes) => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        if let Some(messages) = &mut self.messages {
            messages.count(&self.record);
        }
        // An answer of our own, or one without a body, is complete when its head is: to HEAD nobody reads more.
        if matches!(self.content, Content::Local(_)) || self.is_end_stream() {
            self.record.finish();
        }
    }
}
