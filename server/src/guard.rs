//! What every request passes: the Host allow-list, the cross-site check of writes, bounds, and the headers that
//! tell browsers what a page of this console may do.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::error::ApiError;

/// A scenario's body is `{"step": n}`; only config to be judged is larger.
const MAX_BODY: usize = 64 * 1024;
/// A Kubernetes API server takes objects of 1.5 MiB; an editor or a pipeline sends a few of them.
const MAX_YAML: usize = 4 << 20;
/// A body over the bound is read up to here so that its sender gets an answer: some file, sent by mistake.
const MAX_PASSED: usize = 64 << 20;
/// The longest that a body may take; 64 KiB come over the slowest line in a second.
const READING: Duration = Duration::from_secs(10);
/// Query strings are names and lists of namespaces; 8 KiB hold a thousand of them.
const MAX_QUERY: usize = 8 * 1024;

/// Pages load only from here, run no inline script, and are framed by nobody.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'self'; object-src 'none'; \
     frame-ancestors 'none'; form-action 'self'";

/// Refuses what must not come in and marks what goes out.
pub async fn guard(request: Request, next: Next) -> Response {
    let mut response = match admit(request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn admit(request: Request) -> Result<Request, ApiError> {
    check_host(request.uri(), request.headers())?;
    if request.uri().query().is_some_and(|query| query.len() > MAX_QUERY) {
        return Err(ApiError::BadParameter(format!(
            "the query is longer than {MAX_QUERY} bytes"
        )));
    }
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if writes {
        check_same_site(request.headers())?;
    }
    // Bodies are small and read whole here, so that a slow or endless one never reaches a handler.
    let (parts, body) = request.into_parts();
    let takes_yaml = parts.uri.path().ends_with("/api/v1/validate");
    let bytes = read(body, if takes_yaml { MAX_YAML } else { MAX_BODY }).await?;
    let kind = content_type(&parts.headers);
    if writes && !bytes.is_empty() && kind != "application/json" && !(takes_yaml && is_yaml(&kind)) {
        return Err(ApiError::UnsupportedBody);
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// Only names of this machine: a foreign name that resolves here (DNS rebinding) gets 421.
fn check_host(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = named
        .or(uri.authority().map(Authority::as_str))
        .unwrap_or_default();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, port)) if port.is_empty() || is_port(port) => v6,
        Some(_) => "",
        None => match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            Some(_) => "",
            None => host,
        },
    };
    if ["localhost", "127.0.0.1", "::1"]
        .iter()
        .any(|allowed| name.eq_ignore_ascii_case(allowed))
    {
        Ok(())
    } else {
        Err(ApiError::WrongHost(host.chars().take(100).collect()))
    }
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':')
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Browsers say where a write comes from; `curl` says nothing and may write.
fn check_same_site(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(ApiError::CrossSite);
    }
    match (text("origin"), text("host")) {
        (None, _) => Ok(()),
        (Some(origin), Some(host)) if origin.split_once("://").is_some_and(|(_, from)| from == host) => {
            Ok(())
        }
        (Some(_), _) => Err(ApiError::CrossSite),
    }
}

/// Reads a body up to its bound. What is over it is read too and thrown away, for as long as anybody sends that much
/// by mistake: a caller whose connection is closed while it still sends never sees the answer.
async fn read(mut body: Body, most: usize) -> Result<Bytes, ApiError> {
    let mut whole = BytesMut::new();
    let mut passed = 0;
    let reading = async {
        while let Some(frame) = body.frame().await {
            let data = frame.ok()?.into_data().unwrap_or_default();
            passed += data.len();
            if passed <= most {
                whole.extend_from_slice(&data);
            } else if passed > MAX_PASSED {
                break;
            }
        }
        Some(())
    };
    let read = tokio::time::timeout(READING, reading).await;
    if passed > most {
        return Err(ApiError::TooLarge(most));
    }
    match read {
        Ok(Some(())) => Ok(whole.freeze()),
        Ok(None) | Err(_) => Err(ApiError::BadParameter(format!(
            "the body did not come whole within {} s",
            READING.as_secs()
        ))),
    }
}

/// The content type without its parameters, in lower case; empty when there is none.
fn content_type(headers: &HeaderMap) -> String {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

fn is_yaml(kind: &str) -> bool {
    matches!(
        kind,
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_names_of_this_machine_are_served() {
        let check = |host: &str| check_host(&Uri::from_static("/"), &headers(&[("host", host)])).is_ok();
        for good in [
            "localhost",
            "localhost:20001",
            "127.0.0.1:1",
            "[::1]:20001",
            "[::1]",
            "LOCALHOST:80",
        ] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "evil.example:20001",
            "127.0.0.1.evil.example",
            "localhost:a",
            "[::1]x",
            "10.0.0.1",
        ] {
            assert!(!check(bad), "{bad}");
        }
    }

    #[test]
    fn writes_of_other_sites_are_refused_and_curl_works() {
        let check = |pairs: &[(&'static str, &str)]| check_same_site(&headers(pairs)).is_ok();
        assert!(check(&[("host", "localhost:1")]));
        assert!(check(&[
            ("host", "localhost:1"),
            ("origin", "http://localhost:1"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(!check(&[
            ("host", "localhost:1"),
            ("origin", "http://localhost:2")
        ]));
        assert!(!check(&[("host", "localhost:1"), ("origin", "null")]));
        assert!(!check(&[
            ("host", "localhost:1"),
            ("sec-fetch-site", "cross-site")
        ]));
        assert!(!check(&[
            ("host", "localhost:1"),
            ("sec-fetch-site", "same-site")
        ]));
    }

    #[test]
    fn the_content_type_is_read_without_its_parameters() {
        let kind = |value: &str| content_type(&headers(&[("content-type", value)]));
        assert_eq!(kind("Application/JSON; charset=utf-8"), "application/json");
        assert_eq!(kind("text/plain"), "text/plain");
        assert_eq!(content_type(&headers(&[])), "");
        assert!(is_yaml("application/yaml") && !is_yaml("application/json"));
    }
}
