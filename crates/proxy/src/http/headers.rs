//! Headers between hops.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use vigla_dataplane::{HeaderStore, RequestHeaders};

pub(crate) const PEER: HeaderName = HeaderName::from_static("x-vigla-peer");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const CLIENT_CERTIFICATE: HeaderName = HeaderName::from_static("x-forwarded-client-cert");
pub(crate) const ORIGINAL_PATH: HeaderName = HeaderName::from_static("x-envoy-original-path");
pub(crate) const UPSTREAM_TIME: HeaderName = HeaderName::from_static("x-envoy-upstream-service-time");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Headers as the route matcher reads them.
pub(crate) struct Headers<'a>(pub(crate) &'a HeaderMap);

impl RequestHeaders for Headers<'_> {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self
            .0
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()));
        let first = values.next()?;
        Some(values.fold(first, |all, next| Cow::Owned(format!("{all},{next}"))))
    }

    fn has_value(&self, name: &str, wanted: &mut dyn FnMut(&str) -> bool) -> bool {
        let mut values = self.0.get_all(name).iter();
        values.any(|value| wanted(&String::from_utf8_lossy(value.as_bytes())))
    }
}

/// Headers as changes see them. Names or values that HTTP does not allow are left out: the control plane that
/// sent them has been told when it compiled them.
pub(crate) struct Edited<'a>(pub(crate) &'a mut HeaderMap);

impl HeaderStore for Edited<'_> {
    fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    fn set(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }

    fn append(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.0.append(name, value);
        }
    }
}

/// Removes what belongs to one connection only, and what `connection` names.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if let Some(value) = headers.remove(header::CONNECTION) {
        let named = value.to_str().unwrap_or_default();
        if !named.eq_ignore_ascii_case("keep-alive") && !named.eq_ignore_ascii_case("close") {
            for name in named.split(',') {
                headers.remove(name.trim());
            }
        }
    }
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
    // gRPC asks for trailers from end to end; other wishes are between two hops.
    if headers.get(header::TE).is_some_and(|te| te != "trailers") {
        headers.remove(header::TE);
    }
    headers.remove(header::UPGRADE);
    headers.remove(header::TRANSFER_ENCODING);
}

/// HTTP/2 may send cookies one by one; HTTP/1.1 and applications know one header.
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(_)) = (cookies.next(), cookies.next()) else {
        return;
    };
    let mut joined = first.as_bytes().to_vec();
    for cookie in headers.get_all(header::COOKIE).iter().skip(1) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(cookie.as_bytes());
    }
    if let Ok(joined) = HeaderValue::from_bytes(&joined) {
        headers.insert(header::COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_one_connection_does_not_go_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-mine"),
            ("keep-alive", "timeout=5"),
            ("x-mine", "1"),
            ("te", "gzip"),
            ("upgrade", "websocket"),
            ("transfer-encoding", "chunked"),
            ("host", "reviews"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        remove_hop_by_hop(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["host"]);
    }

    #[test]
    fn cookies_that_came_one_by_one_are_joined() {
        let mut headers = HeaderMap::new();
        for cookie in ["a=1", "b=2", "c=3"] {
            headers.append("cookie", HeaderValue::from_static(cookie));
        }
        join_cookies(&mut headers);
        let all: Vec<_> = headers.get_all("cookie").iter().collect();
        assert_eq!(all, ["a=1; b=2; c=3"]);
    }
}
