//! Errors of the API as RFC 9457 problems with a stable code.

use axum::{
    Json,
    extract::rejection::{JsonRejection, QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use thiserror::Error;
use vigla_api::Problem;
use vigla_sources::SourceError;

/// Why a request got no answer of its kind.
#[derive(Debug, Error)]
pub enum ApiError {
    /// A query parameter or path part that cannot be used.
    #[error("{0}")]
    BadParameter(String),
    /// A body that cannot be used.
    #[error("{0}")]
    BadBody(String),
    /// A body of another content type than the route takes.
    #[error("the body must be application/json")]
    UnsupportedBody,
    /// A body over the bound of its route.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// Nothing of that name, as far as the caller may know.
    #[error("there is no {0}")]
    NotFound(String),
    /// The caller may not read this namespace.
    #[error("you may not read namespace {0}: ask for a right on it, or choose another namespace")]
    Forbidden(String),
    /// The request names a host that this console does not serve.
    #[error("this console does not answer for the host `{0}`: use localhost or 127.0.0.1")]
    WrongHost(String),
    /// A write that another site's page sent.
    #[error("a page of another site may not change anything here")]
    CrossSite,
    /// The path exists, the method does not.
    #[error("this path does not take that method")]
    MethodNotAllowed,
    /// It contradicts what is in effect.
    #[error("{0}")]
    Conflict(String),
    /// Not yet: the console has just started.
    #[error("{0} is not ready yet: try again in a second")]
    NotReady(&'static str),
    /// A source of data cannot answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// More streams or requests than are served at once.
    #[error("{0}: close one and try again")]
    TooMany(&'static str),
    /// A broken invariant; the details are in the log.
    #[error("something broke inside the console; its log says what")]
    Internal,
}

impl ApiError {
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadParameter(_) => (
                StatusCode::BAD_REQUEST,
                "bad-parameter",
                "A parameter cannot be used",
            ),
            Self::BadBody(_) => (StatusCode::BAD_REQUEST, "bad-body", "The body cannot be used"),
            Self::UnsupportedBody => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-body",
                "Wrong content type",
            ),
            Self::TooLarge(_) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too large",
            ),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden", "You may not read that"),
            Self::WrongHost(_) => (StatusCode::MISDIRECTED_REQUEST, "wrong-host", "Wrong host"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross-site", "Refused to another site"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Wrong method",
            ),
            Self::Conflict(_) => (
                StatusCode::CONFLICT,
                "conflict",
                "It contradicts what is in effect",
            ),
            Self::NotReady(_) => (StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready yet"),
            Self::Source(SourceError::Window { .. }) => {
                (StatusCode::BAD_REQUEST, "bad-window", "No data for this window")
            }
            Self::Source(SourceError::Starting { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready yet")
            }
            Self::Source(SourceError::Denied { .. }) => (
                StatusCode::BAD_GATEWAY,
                "source-denied",
                "A source refuses the console",
            ),
            Self::Source(SourceError::Malformed { .. }) => (
                StatusCode::BAD_GATEWAY,
                "source-malformed",
                "A source answers with something else",
            ),
            Self::Source(SourceError::TooMuch { .. }) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "source-limit",
                "More than a source can give",
            ),
            Self::Source(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "source-unavailable",
                "A source does not answer",
            ),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too-many", "Too much at once"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Broken inside"),
        }
    }

    /// The body that says it.
    pub fn problem(&self) -> Problem {
        let (status, code, title) = self.parts();
        Problem {
            code: code.into(),
            title: title.into(),
            status: status.as_u16(),
            detail: self.to_string(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.parts().0, Json(self.problem())).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        // The rejection's own text names the field; its first words are axum's.
        let text = rejection.body_text();
        Self::BadParameter(
            text.split_once(": ")
                .map_or(text.clone(), |(_, reason)| reason.to_owned()),
        )
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => Self::UnsupportedBody,
            other => Self::BadBody(other.body_text()),
        }
    }
}
