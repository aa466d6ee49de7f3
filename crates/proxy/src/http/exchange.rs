//! From the head of a request to the head of its answer: route, fault, cluster, and what the caller gets.

use std::{
    borrow::Cow,
    convert::Infallible,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, Version, header, request, uri::PathAndQuery};
use hyper::body::{Body, Incoming};
use vigla_dataplane::{
    DENIED_BODY, Decision, Direction, Forward, HeaderEdits, Matched, NoObserver, RequestHead, RouteAction,
    Tracing, apply_edits, authorize, decide, normalize_path, redirect_location, rewrite_path, roll_fault,
};
use vigla_model::{PeerIdentity, Protocol, ResponseFlag};

use super::{
    body::{RequestBody, ResponseBody},
    grpc::{self, is_grpc},
    headers::{
        CLIENT_CERTIFICATE, Edited, FORWARDED_FOR, FORWARDED_PROTO, Headers, ORIGINAL_PATH, PEER, REQUEST_ID,
        UPSTREAM_TIME, join_cookies, remove_hop_by_hop,
    },
    reply::{self, respond},
    send::{Sending, Sent},
};
use crate::{
    access_log::LineHead,
    downstream::Downstream,
    metrics::Peer,
    record::Record,
    tcp::verdict_policy,
    trace::{self, Trace},
};

/// Answers one request. Never fails: what goes wrong is an answer with a flag.
pub(crate) async fn exchange(
    downstream: Rc<Downstream>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let (mut parts, body) = request.into_parts();
    let mut record = Box::new(Record::new(Rc::clone(&downstream)));
    record.is_http2 = parts.version == Version::HTTP_2;
    if is_grpc(&parts.headers) {
        record.protocol = Protocol::Grpc;
    }
    if record.is_http2 {
        join_cookies(&mut parts.headers);
    }
    let two_lengths = downstream.watch.begin();
    let original = normalize(&mut parts);
    name_caller(&mut parts.headers, &mut record);
    let host = parts.uri.authority().map_or_else(
        || {
            parts
                .headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok())
        },
        |authority| Some(authority.as_str()),
    );
    let authority = host.unwrap_or_default();
    prepare_log(&mut record, &parts, original.as_ref(), authority);
    if let Some(tracing) = downstream.chain.tracing() {
        record.trace = Some(Box::new(start_trace(
            &downstream,
            &tracing,
            &parts,
            record.protocol,
        )));
    }
    if !matches!(parts.version, Version::HTTP_11 | Version::HTTP_2) {
        return Ok(reply::OLD_VERSION.send(record));
    }
    if authority.is_empty() {
        return Ok(reply::BAD_HOST.send(record));
    }
    if two_lengths {
        return Ok(reply::TWO_LENGTHS.send(record));
    }
    let head = RequestHead {
        method: parts.method.as_str(),
        scheme: if downstream.is_tls { "https" } else { "http" },
        authority,
        path: parts.uri.path_and_query().map_or("", PathAndQuery::as_str),
        headers: &Headers(&parts.headers),
    };
    let mut dice = &downstream.worker.random;
    let table = downstream.chain.routes(&downstream.worker);
    let decision = table
        .as_ref()
        .map(|table| (table, decide(&table.router, &head, &mut dice, &mut NoObserver)));
    // The route is looked up first: a refused request counts for the service that it was meant for.
    if let Some((table, Decision::Route(matched))) = &decision {
        record.route_name = Some(matched.route.name.clone());
        if let Some(request) = record.trace.as_mut().and_then(|trace| trace.request.as_mut()) {
            request.route_path = matched.route.matches.path_name();
            request.route = Some(matched.route.name.clone());
            request.origin.clone_from(&matched.route.origin);
        }
        if let Some(service) = table.service(matched) {
            record.service = service;
        }
    }
    if let Some(authorization) = downstream.chain.authorization() {
        let verdict = authorize(&authorization, &downstream.facts(), &head, &mut NoObserver);
        if record.head.is_some() {
            record.policy = verdict_policy(&verdict);
        }
        if let Some(details) = verdict.details() {
            record.details = Some(Cow::Owned(details));
            return Ok(respond(403, Bytes::from_static(DENIED_BODY.as_bytes()), record));
        }
    }
    let Some((_, Decision::Route(matched))) = decision else {
        return Ok(reply::NO_ROUTE.send(record));
    };
    let forward = match &matched.route.action {
        RouteAction::Forward(forward) => forward,
        RouteAction::Respond { status, body } => {
            record.details = Some(Cow::Borrowed("direct_response"));
            let mut response = respond(*status, Bytes::copy_from_slice(body.as_bytes()), record);
            edit(&matched.route.response_headers, response.headers_mut());
            return Ok(response);
        }
        RouteAction::Redirect(redirect) => {
            record.details = Some(Cow::Borrowed("direct_response"));
            let location = redirect_location(redirect, &matched.route.matches.path, &head);
            let mut response = respond(redirect.status, Bytes::new(), record);
            if let Ok(location) = HeaderValue::try_from(location) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            edit(&matched.route.response_headers, response.headers_mut());
            return Ok(response);
        }
    };
    Ok(forward_request(&downstream, &matched, forward, parts, body, record).await)
}

/// Brings the path into its normal form, by which routes are matched and with which it is sent on. Gives the
/// address as it was when that changed it.
fn normalize(parts: &mut request::Parts) -> Option<Uri> {
    let path = parts.uri.path_and_query()?;
    let Cow::Owned(normal) = normalize_path(path.as_str()) else {
        return None;
    };
    let mut new = parts.uri.clone().into_parts();
    new.path_and_query = Some(PathAndQuery::try_from(normal).ok()?);
    Some(std::mem::replace(&mut parts.uri, Uri::from_parts(new).ok()?))
}

/// Writes down what the log needs before the request is changed.
fn prepare_log(record: &mut Record, parts: &request::Parts, original: Option<&Uri>, authority: &str) {
    if !record.downstream.worker.log.is_on() {
        return;
    }
    let uri = original.unwrap_or(&parts.uri);
    let path = uri.path_and_query().map_or("", PathAndQuery::as_str);
    let protocol = match parts.version {
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_11 => "HTTP/1.1",
        _ => "HTTP/1.0",
    };
    let mut head = LineHead::new(parts.method.as_str(), path, protocol, authority, &parts.headers);
    if let Some(id) = parts.headers.get(REQUEST_ID) {
        head.add_request_id(id);
    }
    record.head = Some(head);
}

fn start_trace(
    downstream: &Downstream,
    tracing: &Tracing,
    parts: &request::Parts,
    protocol: Protocol,
) -> Trace {
    let header = |name| parts.headers.get(name).cloned();
    let authority = || {
        let authority = parts.uri.authority().map(http::uri::Authority::as_str);
        authority.and_then(|authority| HeaderValue::try_from(authority).ok())
    };
    let has_server_span = downstream.direction != Direction::Outbound;
    let random = &downstream.worker.random;
    Trace::start(&parts.headers, tracing, has_server_span, random, || {
        trace::Request {
            method: parts.method.clone(),
            path: parts.uri.path_and_query().cloned(),
            authority: authority().or_else(|| header(header::HOST)),
            user_agent: header(header::USER_AGENT),
            request_id: header(REQUEST_ID),
            is_http2: parts.version == Version::HTTP_2,
            is_tls: downstream.is_tls,
            is_grpc: protocol == Protocol::Grpc,
            caller_address: Some(downstream.remote_address),
            ..trace::Request::default()
        }
    })
}

/// Takes the header by which a caller without certificate names itself. It is never passed on, and believed
/// only where there is no certificate to contradict it.
fn name_caller(headers: &mut HeaderMap, record: &mut Record) {
    let downstream = &record.downstream;
    if downstream.direction == Direction::Outbound {
        return;
    }
    let claim = headers.remove(PEER);
    if downstream.direction != Direction::Inbound || downstream.is_mutual_tls {
        return;
    }
    let claim = claim.as_ref().and_then(|claim| claim.to_str().ok());
    if let Some((workload, namespace)) = claim.and_then(|claim| claim.rsplit_once('.')) {
        let peer = Peer {
            identity: PeerIdentity {
                workload: Some(workload.into()),
                namespace: Some(namespace.into()),
                ..PeerIdentity::default()
            },
            address: Some(downstream.remote_address.ip()),
            mutual_tls: false,
        };
        record.caller = Some(downstream.worker.metrics.peer(&peer));
    }
}

async fn forward_request(
    downstream: &Rc<Downstream>,
    matched: &Matched<'_>,
    forward: &Forward,
    mut parts: request::Parts,
    body: Incoming,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    let worker = &downstream.worker;
    let destination = matched.cluster;
    record.cluster = destination.map(|destination| destination.cluster.clone());
    let mut sent_at = record.started;
    if let Some(fault) = &forward.fault {
        let roll = roll_fault(fault, &mut &worker.random);
        if let Some(delay) = roll.delay {
            record.flag(ResponseFlag::FaultDelay);
            tokio::time::sleep(delay).await;
            sent_at = Instant::now();
        }
        if let Some(status) = roll.abort {
            record.flag(ResponseFlag::FaultAbort);
            record.details = Some(Cow::Borrowed("fault_filter_abort"));
            return respond(status, Bytes::from_static(b"fault filter abort"), record);
        }
    }
    let cluster = destination.and_then(|destination| worker.cluster(&destination.cluster));
    let (Some(destination), Some(cluster)) = (destination, cluster) else {
        return reply::NO_CLUSTER.send(record);
    };
    prepare_request(&mut parts, downstream, matched, forward, &mut record);
    edit(&destination.request_headers, &mut parts.headers);
    edit(&matched.route.request_headers, &mut parts.headers);

    if !body.is_end_stream() {
        let retry = forward.retry.as_ref().filter(|retry| retry.attempts > 0);
        let keep = retry.map(|retry| retry.body_limit as usize);
        record.request_body = Some(RequestBody::new(body, keep, record.protocol));
    }
    let timeout = forward.timeout.filter(|timeout| !timeout.is_zero());
    let timeout = match record.protocol {
        // The caller's own deadline, at most the route's.
        Protocol::Grpc => grpc::find_timeout(&parts.headers)
            .filter(|wanted| timeout.is_none_or(|most| *wanted < most))
            .or(timeout),
        Protocol::Http | Protocol::Tcp => timeout,
    };
    let request_body = record.request_body.clone();
    let sending = Sending {
        downstream,
        cluster: &cluster,
        retry: forward.retry.as_ref(),
    };
    let sent = match timeout {
        None => sending.run(parts, &mut record).await,
        Some(timeout) => tokio::select! {
            biased;
            sent = sending.run(parts, &mut record) => sent,
            () = passed(timeout, request_body.as_deref()) => Sent::Reply(reply::TIMEOUT),
        },
    };
    match sent {
        Sent::Reply(reply) => {
            if reply.details == reply::TIMEOUT.details {
                sending.timed_out(&record);
            }
            reply.send(record)
        }
        Sent::Response(response, lease) => {
            let (mut parts, body) = response.into_parts();
            record.status = parts.status.as_u16();
            record.details = Some(Cow::Borrowed("via_upstream"));
            let waited = sent_at.elapsed();
            record.upstream_time = Some(waited);
            remove_hop_by_hop(&mut parts.headers);
            let millis = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            parts.headers.insert(UPSTREAM_TIME, HeaderValue::from(millis));
            edit(&destination.response_headers, &mut parts.headers);
            edit(&matched.route.response_headers, &mut parts.headers);
            parts.version = if record.is_http2 {
                Version::HTTP_2
            } else {
                Version::HTTP_11
            };
            let left = timeout.map(|timeout| {
                let ended = request_body.and_then(|body| body.ended_at()).unwrap_or(sent_at);
                timeout.saturating_sub(ended.elapsed())
            });
            Response::from_parts(parts, ResponseBody::upstream(body, lease, record, left))
        }
    }
}

/// The route's timeout: it runs from the end of the request.
async fn passed(timeout: Duration, body: Option<&RequestBody>) {
    if let Some(body) = body {
        body.ended().await;
    }
    tokio::time::sleep(timeout).await;
}

/// What every request gets or loses on its way, whatever its route says.
fn prepare_request(
    parts: &mut request::Parts,
    downstream: &Downstream,
    matched: &Matched<'_>,
    forward: &Forward,
    record: &mut Record,
) {
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = HeaderValue::try_from(authority.as_str())
    {
        parts.headers.insert(header::HOST, host);
    }
    if let Some(path) = parts.uri.path_and_query() {
        let path = match &forward.path {
            None if parts.uri.authority().is_none() => None,
            None => Some(path.clone()),
            Some(rewrite) => {
                if let Ok(original) = HeaderValue::try_from(path.as_str()) {
                    parts.headers.insert(ORIGINAL_PATH, original);
                }
                let new = rewrite_path(rewrite, &matched.route.matches.path, path.as_str());
                Some(PathAndQuery::try_from(new).unwrap_or_else(|_| path.clone()))
            }
        };
        if let Some(path) = path {
            parts.uri = Uri::from(path);
        }
    }
    if let Some(authority) = &forward.authority
        && let Ok(host) = HeaderValue::try_from(&**authority)
    {
        parts.headers.insert(header::HOST, host);
    }
    let headers = &mut parts.headers;
    remove_hop_by_hop(headers);
    // hyper has answered it: the body comes without being asked for.
    headers.remove(header::EXPECT);
    if !headers.contains_key(REQUEST_ID)
        && let Ok(id) = HeaderValue::from_bytes(&downstream.worker.random.uuid())
    {
        if let Some(head) = &mut record.head {
            head.add_request_id(&id);
        }
        if let Some(request) = record.trace.as_mut().and_then(|trace| trace.request.as_mut()) {
            request.request_id = Some(id.clone());
        }
        headers.insert(REQUEST_ID, id);
    }
    let scheme = HeaderValue::from_static(
        if downstream.is_tls && downstream.direction == Direction::Gateway {
            "https"
        } else {
            "http"
        },
    );
    match downstream.direction {
        Direction::Gateway => {
            headers.insert(FORWARDED_PROTO, scheme);
            headers.remove(CLIENT_CERTIFICATE);
            let caller = downstream.remote_address.ip().to_string();
            let before = headers.get(FORWARDED_FOR).and_then(|value| value.to_str().ok());
            let chain = before.map_or(caller.clone(), |before| format!("{before},{caller}"));
            if let Ok(chain) = HeaderValue::try_from(chain) {
                headers.insert(FORWARDED_FOR, chain);
            }
        }
        Direction::Inbound => {
            headers.entry(FORWARDED_PROTO).or_insert(scheme);
            match &downstream.client_certificate {
                Some(certificate) => drop(headers.insert(CLIENT_CERTIFICATE, certificate.clone())),
                None => drop(headers.remove(CLIENT_CERTIFICATE)),
            }
        }
        Direction::Outbound => drop(headers.entry(FORWARDED_PROTO).or_insert(scheme)),
    }
}

fn edit(edits: &HeaderEdits, headers: &mut HeaderMap) {
    if !edits.is_empty() {
        apply_edits(edits, &mut Edited(headers));
    }
}
