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
    CorsVerdict, DENIED_BODY, Decision, Direction, Forward, Hashed, HeaderStore, Matched, NoObserver,
    RequestHead, RouteAction, Tracing, authorize, decide, hash_request, judge_cors, redirect_location,
    roll_fault,
};
use vigla_model::{Protocol, ResponseFlag};

use super::{
    body::{RequestBody, ResponseBody},
    grpc::{self, is_grpc},
    headers::{Edited, Headers, REQUEST_ID, UPSTREAM_TIME, join_cookies, remove_hop_by_hop},
    mirror,
    prepare::{edit, name_caller, normalize, prepare_request},
    reply::{self, respond},
    send::{Sending, Sent},
};
use crate::{
    access_log::LineHead,
    downstream::Downstream,
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
    if let Some(limiter) = downstream.chain.limiter()
        && limiter.refuses(&mut dice)
    {
        record.flag(ResponseFlag::RateLimited);
        record.details = Some(Cow::Borrowed("local_rate_limited"));
        let mut response = respond(
            limiter.limit.status,
            Bytes::from_static(b"local_rate_limited"),
            record,
        );
        for (name, value) in &limiter.limit.response_headers {
            Edited(response.headers_mut()).set(name, value);
        }
        return Ok(response);
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
    let for_browser = forward.cors.as_ref().map(|policy| judge_cors(policy, &head));
    let allowed = match for_browser {
        Some(CorsVerdict::Answer(headers)) => {
            record.details = Some(Cow::Borrowed("cors_response"));
            let mut response = respond(200, Bytes::new(), record);
            add(headers, response.headers_mut());
            return Ok(response);
        }
        Some(CorsVerdict::Allow(headers)) => headers,
        Some(CorsVerdict::Silent) | None => Vec::new(),
    };
    let hashed = match forward.hash.as_slice() {
        [] => Hashed::default(),
        keys => hash_request(keys, &head, downstream.remote_address.ip(), &mut dice),
    };
    let mut response = forward_request(&downstream, &matched, forward, parts, body, hashed, record).await;
    add(allowed, response.headers_mut());
    Ok(response)
}

/// Puts headers in place of those that are there.
fn add(added: Vec<(&'static str, String)>, headers: &mut HeaderMap) {
    for (name, value) in added {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
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

async fn forward_request(
    downstream: &Rc<Downstream>,
    matched: &Matched<'_>,
    forward: &Forward,
    mut parts: request::Parts,
    body: Incoming,
    hashed: Hashed,
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
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    let Some(cluster) = cluster.toward(host, record.is_http2, downstream).await else {
        return reply::NO_ADDRESS.send(record);
    };

    if !body.is_end_stream() {
        let retry = forward.retry.as_ref().filter(|retry| retry.attempts > 0);
        let for_retry = retry.map(|retry| retry.body_limit as usize);
        let for_copies = (!forward.mirrors.is_empty()).then_some(mirror::BODY_LIMIT);
        let keep = for_retry.max(for_copies);
        record.request_body = Some(RequestBody::new(body, keep, record.protocol));
    }
    mirror::send_copies(downstream, forward, &parts, record.request_body.as_ref());
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
        hash: hashed.hash,
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
            for cookie in &hashed.cookies {
                if let Ok(cookie) = HeaderValue::try_from(cookie.header()) {
                    parts.headers.append(header::SET_COOKIE, cookie);
                }
            }
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
