//! Answers that the proxy gives itself.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use vigla_model::{Protocol, ResponseFlag};

use super::{body::ResponseBody, grpc};
use crate::record::Record;

/// An answer of the proxy: status, flag, Envoy's words for the reason, and a body for people.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) flag: Option<ResponseFlag>,
    pub(crate) details: &'static str,
    pub(crate) body: Cow<'static, str>,
}

/// Tells callers that trying again makes it worse.
const OVERLOADED: HeaderName = HeaderName::from_static("x-envoy-overloaded");

/// No virtual host or route (`NR`).
pub(crate) const NO_ROUTE: Reply = Reply {
    status: 404,
    flag: Some(ResponseFlag::NoRoute),
    details: "route_not_found",
    body: Cow::Borrowed(""),
};
/// The route's cluster does not exist (`NC`).
pub(crate) const NO_CLUSTER: Reply = Reply {
    status: 503,
    flag: Some(ResponseFlag::NoCluster),
    details: "cluster_not_found",
    body: Cow::Borrowed(""),
};
/// No healthy endpoint (`UH`).
pub(crate) const NO_ENDPOINT: Reply = Reply {
    status: 503,
    flag: Some(ResponseFlag::NoHealthyUpstream),
    details: "no_healthy_upstream",
    body: Cow::Borrowed("no healthy upstream"),
};
/// The host that the request names has no address (`DF`).
pub(crate) const NO_ADDRESS: Reply = Reply {
    status: 503,
    flag: Some(ResponseFlag::DnsFailure),
    details: "dns_resolution_failure",
    body: Cow::Borrowed("DNS resolution failure"),
};
/// The route's timeout passed (`UT`).
pub(crate) const TIMEOUT: Reply = Reply {
    status: 504,
    flag: Some(ResponseFlag::UpstreamTimeout),
    details: "response_timeout",
    body: Cow::Borrowed("upstream request timeout"),
};
/// A circuit breaker is open (`UO`); flag and body come with the try.
pub(crate) const OVERFLOW: Reply = Reply {
    status: 503,
    flag: None,
    details: "upstream_reset_before_response_started{overflow}",
    body: Cow::Borrowed("overflow"),
};
/// HTTP/1.0 is not spoken, as in Envoy.
pub(crate) const OLD_VERSION: Reply = Reply {
    status: 426,
    flag: Some(ResponseFlag::DownstreamProtocol),
    details: "low_version",
    body: Cow::Borrowed(""),
};
/// A request without a usable host (`DPE`).
pub(crate) const BAD_HOST: Reply = Reply {
    status: 400,
    flag: Some(ResponseFlag::DownstreamProtocol),
    details: "missing_host_header",
    body: Cow::Borrowed(""),
};
/// Length and transfer encoding at once: two proxies could see two different requests (`DPE`).
pub(crate) const TWO_LENGTHS: Reply = Reply {
    status: 400,
    flag: Some(ResponseFlag::DownstreamProtocol),
    details: "http1.content_length_and_chunked_not_allowed",
    body: Cow::Borrowed(""),
};

impl Reply {
    /// Answers, and closes the record when the answer is out.
    pub(crate) fn send(self, mut record: Box<Record>) -> Response<ResponseBody> {
        if let Some(flag) = self.flag {
            record.flag(flag);
        }
        record.details = Some(Cow::Borrowed(self.details));
        // Where the next request would start is not sure; HTTP/2 knows.
        let closes = self.flag == Some(ResponseFlag::DownstreamProtocol) && !record.is_http2;
        let body = match self.body {
            Cow::Borrowed(body) => Bytes::from_static(body.as_bytes()),
            Cow::Owned(body) => Bytes::from(body),
        };
        let mut response = respond(self.status, body, record);
        if self.details == OVERFLOW.details {
            response
                .headers_mut()
                .insert(OVERLOADED, HeaderValue::from_static("true"));
        }
        if closes {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// An answer with a status and a body. A gRPC caller gets both in gRPC's headers, under HTTP status 200.
pub(crate) fn respond(status: u16, body: Bytes, mut record: Box<Record>) -> Response<ResponseBody> {
    if record.protocol == Protocol::Grpc {
        return respond_grpc(status, &body, record);
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    record.status = status.as_u16();
    let is_text = !body.is_empty();
    let mut response = Response::new(ResponseBody::local(body, record));
    *response.status_mut() = status;
    if is_text {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    }
    response
}

fn respond_grpc(status: u16, body: &[u8], mut record: Box<Record>) -> Response<ResponseBody> {
    let grpc_status = grpc::status_of_http(status);
    record.status = StatusCode::OK.as_u16();
    record.grpc_status = Some(grpc_status);
    let mut response = Response::new(ResponseBody::local(Bytes::new(), record));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, grpc::CONTENT_TYPE);
    headers.insert(grpc::GRPC_STATUS, HeaderValue::from(grpc_status));
    if !body.is_empty() {
        let message = grpc::encode_message(&String::from_utf8_lossy(body));
        headers.insert(grpc::GRPC_MESSAGE, message);
    }
    response
}
