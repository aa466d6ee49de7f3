//! A caller's HTTP connection, from its first request to its end.

use std::{borrow::Cow, cell::RefCell, rc::Rc, time::Duration};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use vigla_model::ResponseFlag;

use super::{
    exchange::exchange,
    preface::{Rewound, Version, find_version},
    watch::{MAX_HEAD, Watched},
};
use crate::{
    downstream::Downstream,
    executor::Local,
    record::Record,
    upstream::{CONNECTION_WINDOW, SEND_BUFFER, STREAM_WINDOW},
};

/// A caller's connection without requests is closed after an hour, as in Envoy.
const MAX_IDLE: Duration = Duration::from_secs(3600);
/// How long the closing of a connection may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// Requests of one HTTP/2 connection at once, as Envoy's default. What they may hold is bounded by the
/// connection's window.
const MAX_STREAMS: u32 = 1024;
/// The answer to a head that does not end.
const SLOW_HEAD: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Serves a connection until the caller leaves, the listener is drained, or a head takes too long.
pub(crate) async fn serve<T: AsyncRead + AsyncWrite + Unpin + 'static>(
    mut stream: T,
    downstream: Rc<Downstream>,
) {
    let looked = {
        let drained = downstream.chain.drained();
        tokio::select! {
            looked = find_version(&mut stream, downstream.alpn, downstream.worker.head_timeout) => looked,
            () = drained => return,
            () = tokio::time::sleep(MAX_IDLE) => return,
        }
    };
    match looked {
        None => (),
        Some((Version::Http1, start)) => serve_http1(Rewound::new(start, stream), downstream).await,
        Some((Version::Http2, start)) => serve_http2(Rewound::new(start, stream), downstream).await,
    }
}

async fn serve_http2<T: AsyncRead + AsyncWrite + Unpin + 'static>(stream: T, downstream: Rc<Downstream>) {
    let service = {
        let downstream = Rc::clone(&downstream);
        service_fn(move |request| exchange(Rc::clone(&downstream), request))
    };
    let connection = http2::Builder::new(Local)
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .serve_connection(TokioIo::new(stream), service);
    let drained = downstream.chain.drained();
    tokio::pin!(connection, drained);
    let mut draining = false;
    let mut check = tokio::time::interval(MAX_IDLE / 60);
    check.tick().await;
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                // Before the streams hear of it: those that are not answered end because of this.
                downstream.watch.close();
                if let Err(error) = result {
                    tracing::debug!(%error, caller = %downstream.remote_address, "an HTTP/2 connection failed");
                }
                return;
            }
            () = &mut drained, if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = check.tick() => {
                if downstream.watch.idle_age().is_some_and(|age| age > MAX_IDLE) {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// How serving ended.
enum End {
    Closed,
    BadRequest(hyper::Error),
    SlowHead,
}

async fn serve_http1<T: AsyncRead + AsyncWrite + Unpin + 'static>(stream: T, downstream: Rc<Downstream>) {
    let limit = downstream.worker.head_timeout;
    let service = {
        let downstream = Rc::clone(&downstream);
        service_fn(move |request| exchange(Rc::clone(&downstream), request))
    };
    let stream = Rc::new(RefCell::new(stream));
    let watched = Watched {
        stream: Rc::clone(&stream),
        downstream: Rc::clone(&downstream),
    };
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(watched), service);
    let drained = downstream.chain.drained();
    tokio::pin!(connection, drained);
    let mut draining = false;
    // One timer for the whole connection: a slow head is noticed at most half the limit late.
    let mut check = tokio::time::interval(limit / 2);
    check.tick().await;
    let end = loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => match result {
                Err(error) if error.is_parse() => break End::BadRequest(error),
                Ok(()) | Err(_) => break End::Closed,
            },
            () = &mut drained, if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = check.tick() => {
                if downstream.watch.head_age().is_some_and(|age| age > limit) {
                    break End::SlowHead;
                }
                if downstream.watch.idle_age().is_some_and(|age| age > MAX_IDLE) {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    };
    if let End::SlowHead = end {
        #[expect(
            clippy::await_holding_refcell_ref,
            reason = "the connection, the only other user, is not polled any more"
        )]
        let answer = async {
            let mut stream = stream.borrow_mut();
            // The caller may be gone; then nobody misses the answer.
            let _ = stream.write_all(SLOW_HEAD).await;
            let _ = stream.shutdown().await;
        };
        // A caller that takes nothing must not hold the connection.
        let _ = tokio::time::timeout(CLOSE_LIMIT, answer).await;
    }
    count_bad_end(&end, downstream);
}

/// Requests that never came to an exchange are counted here.
fn count_bad_end(end: &End, downstream: Rc<Downstream>) {
    let (status, flag, details) = match end {
        End::Closed => return,
        End::SlowHead => (408, None, "request_header_timeout"),
        End::BadRequest(error) if error.is_parse_too_large() => (
            431,
            Some(ResponseFlag::DownstreamProtocol),
            "request_headers_too_large",
        ),
        End::BadRequest(_) => (400, Some(ResponseFlag::DownstreamProtocol), "http1.codec_error"),
    };
    let mut record = Record::new(downstream);
    if record.downstream.worker.log.is_on() {
        record.head = Some(crate::access_log::LineHead::none());
    }
    record.status = status;
    record.details = Some(Cow::Borrowed(details));
    if let Some(flag) = flag {
        record.flag(flag);
    }
    record.finish();
}
