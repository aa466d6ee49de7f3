//! Sending a request on: endpoint, connection, tries.

use std::{borrow::Cow, net::SocketAddr, rc::Rc, time::Duration};

use http::{
    Request, Response, Uri, Version, header, request,
    uri::{Authority, PathAndQuery, Scheme},
};
use hyper::body::Incoming;
use vigla_dataplane::{Dice, Direction, Outcome, Retry, may_retry};
use vigla_model::{ResponseFlag, ResponseFlags};

use super::{
    body::{Reset, UpstreamBody, find_reset},
    grpc::{grpc_status, http_of_status},
    headers::PEER,
    reply::{self, Reply},
};
use crate::{
    config::ClusterConfig,
    downstream::Downstream,
    record::Record,
    upstream::{Bound, Busy, ClusterState, ConnectError, Connection, EndpointState, Sender, TryEnd},
};

/// Envoy waits up to 25 ms before the first retry, and doubles that up to 250 ms.
const BACK_OFF: Duration = Duration::from_millis(25);
const MAX_BACK_OFF: Duration = Duration::from_millis(250);
/// Idle connections that may turn out to be closed before one try gives up.
const MAX_STALE: usize = 8;

/// One request on its way.
pub(crate) struct Sending<'a> {
    pub(crate) downstream: &'a Rc<Downstream>,
    pub(crate) cluster: &'a Rc<ClusterState>,
    pub(crate) retry: Option<&'a Retry>,
    /// By what an endpoint is picked, where the cluster asks for it.
    pub(crate) hash: Option<u64>,
}

/// How it went.
#[expect(
    clippy::large_enum_variant,
    reason = "most requests get an answer: a box would cost them an allocation"
)]
pub(crate) enum Sent {
    /// An answer of the upstream; its body still comes over the leased connection.
    Response(Response<Incoming>, Lease),
    /// An answer of the proxy.
    Reply(Reply),
}

/// A connection that an answer still uses, and the endpoint that is busy with it.
pub(crate) struct Lease {
    connection: Connection,
    busy: Busy,
}

impl Lease {
    /// Lets others use the connection.
    pub(crate) fn give_back(self) {
        self.busy.endpoint().give_back(self.connection);
    }
}

/// A try that brought no answer.
struct Failed {
    /// `None`: it must not be tried again.
    outcome: Option<Outcome>,
    /// What it tells of the endpoint's health.
    health: Option<TryEnd>,
    flag: ResponseFlag,
    reply: Reply,
    reason: Option<Cow<'static, str>>,
}

impl Sending<'_> {
    /// Tries until there is an answer that needs no retry, or no try is left.
    pub(crate) async fn run(&self, parts: request::Parts, record: &mut Record) -> Sent {
        let attempts = self.retry.map_or(0, |retry| retry.attempts);
        let mut tries = 0;
        let mut tried = Vec::new();
        let mut head = Some(parts);
        // Held while another try runs.
        #[expect(unused_assignments, reason = "its end counts")]
        let mut retrying = None;
        loop {
            let random = &self.downstream.worker.random;
            let Some(picked) = self.cluster.pick(random, self.hash, &tried) else {
                return Sent::Reply(reply::NO_ENDPOINT);
            };
            // The head is needed again when there may be another try.
            let parts = if tries < attempts {
                head.clone()
            } else {
                head.take()
            };
            let Some(parts) = parts else {
                return Sent::Reply(reply::NO_ENDPOINT);
            };
            let sent = self.try_once(picked, parts, record).await;
            let (outcome, health) = match &sent {
                Ok((response, _)) => {
                    let status = response.status().as_u16();
                    let grpc_status = grpc_status(response.headers());
                    let health = grpc_status.map_or(status, http_of_status);
                    (
                        Some(Outcome::Response { status, grpc_status }),
                        Some(TryEnd::Status(health)),
                    )
                }
                Err(failed) => (failed.outcome, failed.health),
            };
            if let Some(health) = health {
                self.cluster.record(&self.cluster.endpoints[picked], health);
            }
            let mut again = self.retry.filter(|retry| {
                retry.attempts > 0 && outcome.is_some_and(|outcome| may_retry(retry, outcome))
            });
            if again.is_some() && tries < attempts && can_replay(record) {
                retrying = self.cluster.acquire(Bound::Retries);
                if retrying.is_none() {
                    record.flag(ResponseFlag::UpstreamOverflow);
                    again = None;
                }
            }
            if again.is_some() && tries < attempts && can_replay(record) {
                tries += 1;
                tried.push(picked);
                match &sent {
                    Ok((response, _)) => {
                        let status = response.status().as_u16();
                        record.end_try(status, grpc_status(response.headers()), ResponseFlags::NONE);
                    }
                    Err(failed) => {
                        let flags = ResponseFlags::NONE.with(failed.flag);
                        record.end_try(failed.reply.status, None, flags);
                    }
                }
                drop(sent);
                let limit = (BACK_OFF * 2u32.saturating_pow(tries.min(8) - 1)).min(MAX_BACK_OFF);
                let millis = (&mut &*random).roll(u32::try_from(limit.as_millis()).unwrap_or(1));
                tokio::time::sleep(Duration::from_millis(millis.into())).await;
                continue;
            }
            if again.is_some() && tries == attempts {
                record.flag(ResponseFlag::RetriesExceeded);
            }
            return match sent {
                Ok((response, lease)) => {
                    record.grpc_status = grpc_status(response.headers());
                    Sent::Response(response, lease)
                }
                Err(failed) => {
                    record.flag(failed.flag);
                    record.failure = failed.reason;
                    Sent::Reply(Reply {
                        body: describe(&failed.reply, tries),
                        ..failed.reply
                    })
                }
            };
        }
    }

    /// The route's timeout passed while a try ran.
    pub(crate) fn timed_out(&self, record: &Record) {
        let mut endpoints = self.cluster.endpoints.iter();
        if let Some(endpoint) = endpoints.find(|endpoint| Some(endpoint.address) == record.upstream) {
            self.cluster.record(endpoint, TryEnd::Timeout);
        }
    }

    async fn try_once(
        &self,
        picked: usize,
        parts: request::Parts,
        record: &mut Record,
    ) -> Result<(Response<Incoming>, Lease), Failed> {
        let Some(busy) = self.cluster.busy(picked) else {
            return Err(overflow(record));
        };
        record.endpoint = Some(busy.endpoint().peer);
        record.upstream = Some(busy.endpoint().address);
        let limit = self
            .retry
            .and_then(|retry| retry.per_try_timeout)
            .filter(|limit| !limit.is_zero());
        let exchange = self.exchange(busy, parts, record);
        match limit {
            None => exchange.await,
            Some(limit) => tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| {
                Err(Failed {
                    outcome: Some(Outcome::PerTryTimeout),
                    health: Some(TryEnd::Timeout),
                    flag: ResponseFlag::UpstreamTimeout,
                    reply: Reply {
                        details: "upstream_per_try_timeout",
                        ..reply::TIMEOUT
                    },
                    reason: None,
                })
            }),
        }
    }

    async fn exchange(
        &self,
        busy: Busy,
        mut parts: request::Parts,
        record: &mut Record,
    ) -> Result<(Response<Incoming>, Lease), Failed> {
        let endpoint = Rc::clone(busy.endpoint());
        record.start_try(&mut parts.headers);
        fit(&mut parts, &endpoint, self.downstream);
        let body = match &record.request_body {
            Some(body) => body.next_try(),
            None => UpstreamBody::Empty,
        };
        let request = Request::from_parts(parts, body);
        let config = &self.cluster.config;
        match send_to(&endpoint, config, request, |local| record.upstream_local = local).await {
            Ok((response, connection)) => Ok((response, Lease { connection, busy })),
            Err(Unsent::NotConnected(error)) => Err(connect_failed(error, record)),
            Err(Unsent::Failed(error)) => Err(send_failed(&error, record)),
        }
    }
}

/// Why a request brought no answer.
pub(super) enum Unsent {
    NotConnected(ConnectError),
    Failed(hyper::Error),
}

/// Sends a request to an endpoint. Tells our end's address of each connection that is tried.
pub(super) async fn send_to(
    endpoint: &EndpointState,
    config: &ClusterConfig,
    mut request: Request<UpstreamBody>,
    mut on_connection: impl FnMut(Option<SocketAddr>),
) -> Result<(Response<Incoming>, Connection), Unsent> {
    for stale in 0.. {
        let mut connection = endpoint.connection(config).await.map_err(Unsent::NotConnected)?;
        on_connection(connection.local_address);
        let sent = match &mut connection.sender {
            Sender::Http1(sender) => sender.try_send_request(request).await,
            Sender::Http2(sender, _) => sender.try_send_request(request).await,
        };
        match sent {
            Ok(response) => return Ok((response, connection)),
            Err(mut error) => match error.take_message() {
                // The endpoint had closed an idle connection: nothing was sent, so nothing is lost.
                Some(unsent) if connection.reused && stale < MAX_STALE => request = unsent,
                _ => return Err(Unsent::Failed(error.into_error())),
            },
        }
    }
    unreachable!("the loop ends by returning")
}

/// Makes a head fit for an endpoint: its version of HTTP, and who calls where no certificate tells.
pub(super) fn fit(parts: &mut request::Parts, endpoint: &EndpointState, downstream: &Downstream) {
    if downstream.direction != Direction::Inbound {
        match &downstream.peer_header {
            // A sidecar that sees no certificate is told who calls.
            Some(name) if endpoint.has_sidecar && !endpoint.is_tls() => {
                drop(parts.headers.insert(PEER, name.clone()));
            }
            _ => drop(parts.headers.remove(PEER)),
        }
    }
    if endpoint.is_http2() {
        make_http2(parts, endpoint.is_tls());
    } else {
        parts.version = Version::HTTP_11;
    }
}

/// Puts into the address what HTTP/1.1 has in `host`, as HTTP/2 wants it.
fn make_http2(parts: &mut request::Parts, is_tls: bool) {
    let host = parts.headers.remove(header::HOST);
    let authority = host.and_then(|host| Authority::from_maybe_shared(host).ok());
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    if let Some(authority) = authority {
        uri.scheme = Some(if is_tls { Scheme::HTTPS } else { Scheme::HTTP });
        uri.authority = Some(authority);
        uri.path_and_query
            .get_or_insert_with(|| PathAndQuery::from_static("/"));
    }
    parts.uri = Uri::from_parts(uri).unwrap_or_default();
    parts.version = Version::HTTP_2;
}

fn can_replay(record: &Record) -> bool {
    record.request_body.as_ref().is_none_or(|body| body.can_replay())
}

/// Envoy's words for an answer that did not come, by the reason in a reply.
fn describe(reply: &Reply, tries: u32) -> Cow<'static, str> {
    const START: &str = "upstream connect error or disconnect/reset before headers.";
    let reason = &reply.body;
    match (reply.status, tries) {
        (503, 0) => Cow::Owned(format!("{START} reset reason: {reason}")),
        (503, _) => Cow::Owned(format!("{START} retried and the latest reset reason: {reason}")),
        _ => reason.clone(),
    }
}

/// A bound of the cluster is reached: more tries would make it worse.
fn overflow(record: &mut Record) -> Failed {
    // No endpoint is to blame.
    record.endpoint = None;
    record.upstream = None;
    Failed {
        outcome: None,
        health: None,
        flag: ResponseFlag::UpstreamOverflow,
        reply: reply::OVERFLOW,
        reason: None,
    }
}

fn connect_failed(error: ConnectError, record: &mut Record) -> Failed {
    let (details, body, reason) = match error {
        ConnectError::Overflow => return overflow(record),
        ConnectError::Timeout => (
            "upstream_reset_before_response_started{connection_timeout}",
            "connection timeout",
            Cow::Borrowed("connection timeout"),
        ),
        ConnectError::Failed(reason) => (
            "upstream_reset_before_response_started{remote_connection_failure}",
            "remote connection failure",
            Cow::Owned(reason),
        ),
    };
    Failed {
        outcome: Some(Outcome::ConnectFailure),
        health: Some(TryEnd::NotConnected),
        flag: ResponseFlag::UpstreamFailure,
        reply: Reply {
            status: 503,
            flag: None,
            details,
            body: Cow::Borrowed(body),
        },
        reason: Some(reason),
    }
}

fn send_failed(error: &hyper::Error, record: &Record) -> Failed {
    if record.request_body.as_ref().is_some_and(|body| body.is_broken()) {
        // Nobody reads the answer; the caller's own connection is broken.
        return Failed {
            outcome: None,
            health: None,
            flag: ResponseFlag::DownstreamClosed,
            reply: Reply {
                status: 400,
                flag: None,
                details: "downstream_remote_disconnect",
                body: Cow::Borrowed(""),
            },
            reason: None,
        };
    }
    if let Some(reset) = find_reset(error) {
        let (outcome, details) = match reset {
            Reset::Refused => (
                Outcome::Refused,
                "upstream_reset_before_response_started{remote_refused_stream_reset}",
            ),
            Reset::Broken => (
                Outcome::Reset {
                    before_request: false,
                },
                "upstream_reset_before_response_started{remote_reset}",
            ),
        };
        return Failed {
            outcome: Some(outcome),
            health: Some(TryEnd::Broken),
            flag: ResponseFlag::UpstreamReset,
            reply: Reply {
                status: 503,
                flag: None,
                details,
                body: Cow::Borrowed(match reset {
                    Reset::Refused => "remote refused stream reset",
                    Reset::Broken => "remote reset",
                }),
            },
            reason: None,
        };
    }
    if error.is_parse() {
        return Failed {
            outcome: Some(Outcome::Reset {
                before_request: false,
            }),
            health: Some(TryEnd::Broken),
            flag: ResponseFlag::UpstreamProtocol,
            reply: Reply {
                status: 502,
                flag: None,
                details: "upstream_reset_before_response_started{protocol_error}",
                body: Cow::Borrowed("protocol error"),
            },
            reason: Some(Cow::Owned(error.to_string())),
        };
    }
    Failed {
        outcome: Some(Outcome::Reset {
            before_request: false,
        }),
        health: Some(TryEnd::Broken),
        flag: ResponseFlag::UpstreamClosed,
        reply: Reply {
            status: 503,
            flag: None,
            details: "upstream_reset_before_response_started{connection_termination}",
            body: Cow::Borrowed("connection termination"),
        },
        reason: None,
    }
}
