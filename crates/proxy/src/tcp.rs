//! Bytes to one cluster and back.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use vigla_dataplane::{NoObserver, Verdict, authorize_connection};
use vigla_model::{ResponseFlag, ResponseFlags};

use crate::{
    access_log::{Line, LineHead},
    downstream::Downstream,
    metrics::{Labelled, TcpKey, TcpSeries},
    upstream::{Bound, Busy, ConnectError, TryEnd},
};

/// What is known of a connection when it ends.
#[derive(Default)]
struct Outcome {
    flags: ResponseFlags,
    /// Why it was not let through.
    refusal: Option<String>,
    policy: Option<Arc<str>>,
    failure: Option<String>,
    upstream_local: Option<std::net::SocketAddr>,
}

/// Whether the caller may not call.
fn refusal(downstream: &Downstream, outcome: &mut Outcome) -> bool {
    let Some(authorization) = downstream.chain.authorization() else {
        return false;
    };
    let verdict = authorize_connection(&authorization, &downstream.facts(), &mut NoObserver);
    outcome.refusal = verdict.details();
    outcome.policy = verdict_policy(&verdict);
    !verdict.is_allowed()
}

/// Name of the rule that decided.
pub(crate) fn verdict_policy(verdict: &Verdict<'_>) -> Option<Arc<str>> {
    match verdict {
        Verdict::Allowed(rule) | Verdict::Denied(rule) => rule.map(|rule| rule.name.clone()),
    }
}

/// Proxies a connection until both sides have ended, or one has failed.
pub(crate) async fn proxy<T: AsyncRead + AsyncWrite + Unpin>(
    caller: T,
    downstream: Rc<Downstream>,
    cluster_name: Option<&str>,
) {
    let started = Instant::now();
    let worker = Rc::clone(&downstream.worker);
    let mut outcome = Outcome::default();
    let refused = refusal(&downstream, &mut outcome);
    let cluster = cluster_name.and_then(|name| worker.cluster(name));
    let mut upstream = None;
    let mut busy = None;
    match &cluster {
        _ if refused => (),
        None => outcome.flags = outcome.flags.with(ResponseFlag::NoCluster),
        Some(cluster) => match cluster.pick(&worker.random, None, &[]) {
            None => outcome.flags = outcome.flags.with(ResponseFlag::NoHealthyUpstream),
            Some(picked) => match (cluster.acquire(Bound::Connections), cluster.busy(picked)) {
                (Some(permit), Some(mark)) => {
                    match mark.endpoint().connect().await {
                        Ok((stream, local)) => {
                            outcome.upstream_local = local;
                            upstream = Some((stream, permit));
                            cluster.record(mark.endpoint(), TryEnd::Status(200));
                        }
                        Err(error) => {
                            outcome.flags = outcome.flags.with(ResponseFlag::UpstreamFailure);
                            outcome.failure = Some(match error {
                                ConnectError::Timeout => "connection timeout".to_owned(),
                                ConnectError::Overflow => "overflow".to_owned(),
                                ConnectError::Failed(reason) => reason,
                            });
                            cluster.record(mark.endpoint(), TryEnd::NotConnected);
                        }
                    }
                    busy = Some(mark);
                }
                _ => outcome.flags = outcome.flags.with(ResponseFlag::UpstreamOverflow),
            },
        },
    }
    let endpoint = busy.as_ref().map(|busy| busy.endpoint().peer);
    let service = match &cluster {
        Some(cluster) if downstream.caller.is_none() => {
            worker.metrics.service(&cluster.config.cluster.service)
        }
        _ => downstream.listener_service,
    };
    let series = worker.metrics.tcp(TcpKey {
        telemetry: downstream.telemetry,
        peer: downstream.caller.or(endpoint).unwrap_or(worker.unknown_peer),
        service,
        flags: outcome.flags,
    });
    series.series.opened.set(series.series.opened.get() + 1);
    let mut counted = Counted {
        stream: caller,
        series: Rc::clone(&series),
        received: 0,
        sent: 0,
    };
    // Counted at once, so that a connection that lives for hours is seen while it lives; and counted as closed
    // even when the worker ends it.
    let closing = Closing(&series);
    let drained = downstream.chain.drained();
    if let Some((mut upstream, _permit)) = upstream {
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut counted, &mut upstream) => (),
            () = drained => (),
        }
    }
    let _ = counted.stream.shutdown().await;
    drop(closing);
    if worker.log.is_on() {
        let picked = busy.as_ref().map(Busy::endpoint);
        worker.log.add(&Line {
            head: &LineHead::none(),
            duration: started.elapsed(),
            route_name: None,
            response_code: 0,
            response_flags: outcome.flags,
            response_code_details: None,
            policy: outcome.policy.as_deref(),
            trace_id: None,
            connection_termination_details: outcome.refusal.as_deref(),
            bytes_received: counted.received,
            bytes_sent: counted.sent,
            upstream_service_time: None,
            upstream_host: picked.map(|endpoint| endpoint.address),
            upstream_cluster: cluster_name,
            upstream_local_address: outcome.upstream_local,
            upstream_transport_failure_reason: outcome.failure.as_deref(),
            downstream_local_address: downstream.local_address,
            downstream_remote_address: downstream.remote_address,
            requested_server_name: downstream.server_name.as_deref(),
        });
    }
}

struct Closing<'a>(&'a Labelled<TcpSeries>);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let closed = &self.0.series.closed;
        closed.set(closed.get() + 1);
    }
}

/// The caller's stream; its bytes are counted as they pass.
struct Counted<T> {
    stream: T,
    series: Rc<Labelled<TcpSeries>>,
    received: u64,
    sent: u64,
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let bytes = (buffer.filled().len() - before) as u64;
        self.received += bytes;
        let received = &self.series.series.received;
        received.set(received.get() + bytes);
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(bytes)) = &written {
            self.sent += *bytes as u64;
            let sent = &self.series.series.sent;
            sent.set(sent.get() + *bytes as u64);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
