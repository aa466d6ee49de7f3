//! `ETag` on every answer, and 304 for a caller that has it already.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use twox_hash::XxHash3_64;

use crate::error::ApiError;

/// No answer of the API is larger: a graph of 5 000 nodes with buckets is some 10 MB.
const MAX_ANSWER: usize = 64 << 20;

/// Gives successful answers to GET their `ETag`; streams pass untouched.
pub async fn etag(request: Request, next: Next) -> Response {
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    let kind = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if !asks || response.status() != StatusCode::OK || kind.starts_with("text/event-stream") {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_ANSWER).await else {
        return ApiError::Internal.into_response();
    };
    // Weak: the same content may go out compressed or not.
    let tag = format!("W/\"{:016x}\"", XxHash3_64::oneshot(&bytes));
    let matches = known.as_ref().and_then(|known| known.to_str().ok());
    let matches = matches.is_some_and(|known| known == "*" || known.split(',').any(|one| one.trim() == tag));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    parts
        .headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
    if matches {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}
