//! The body of an answer: counted; with its end the request ends.

use std::{
    borrow::Cow,
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;
use vigla_model::{Protocol, ResponseFlag};

use crate::{
    http::{
        grpc::{Messages, grpc_status},
        send::Lease,
    },
    metrics::{Labelled, MessageKey, MessageSeries},
    record::Record,
};

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

/// How the other end gave an HTTP/2 stream up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    /// Before it looked at it: by refusing the stream, or by going away.
    Refused,
    /// At any moment.
    Broken,
}

/// How the other end reset an HTTP/2 stream; `None` when that is not what happened.
pub(crate) fn find_reset(error: &hyper::Error) -> Option<Reset> {
    let error = std::error::Error::source(error)?.downcast_ref::<h2::Error>()?;
    let reason = error.reason().filter(|_| error.is_remote())?;
    match reason {
        // A stream ends with the peer's farewell only when its number is beyond the last that the peer took.
        _ if error.is_go_away() => Some(Reset::Refused),
        h2::Reason::REFUSED_STREAM => Some(Reset::Refused),
        _ if error.is_reset() => Some(Reset::Broken),
        _ => None,
    }
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
                let (flag, details) = match find_reset(&error) {
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
