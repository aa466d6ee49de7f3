//! Why a source gave no answer, in words that tell what to do.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use reqwest::{StatusCode, header};
use thiserror::Error;

/// Why a source cannot be asked at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// It is no address of a web server.
    #[error("`{0}` is not of the form http://HOST:PORT/ or https://HOST/")]
    Url(String),
    /// User or password stand in the address, where logs would show them.
    #[error("the address holds a user or password: name a file with it instead")]
    SecretInUrl,
    /// The address is not allowed.
    #[error("{0} is not among the allowed addresses: name its network to allow it")]
    Address(IpAddr),
    /// The authorities cannot be read.
    #[error("authorities in {0:?}: {1}")]
    CaFile(PathBuf, String),
    /// No client can be made of it.
    #[error("no client can be made: {0}")]
    Client(String),
}

/// Why one call brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OutboundError {
    /// It failed too often and is left alone for a moment.
    #[error("it failed several times and is asked again in {:.1} s", .retry_in.as_secs_f64())]
    Resting {
        /// After this time a call may be made.
        retry_in: Duration,
    },
    /// No connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// The whole answer was not there in time.
    #[error("no whole answer within {:.1} s", .0.as_secs_f64())]
    TimedOut(Duration),
    /// The answer ended in the middle.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// The answer is larger than what is taken.
    #[error("the answer is larger than {} MB", .0 >> 20)]
    TooLarge(usize),
    /// It sent us elsewhere, where nobody is followed.
    #[error("it answers {status} and points to `{location}`: write the final address into the settings")]
    Redirect {
        /// Its status.
        status: u16,
        /// Where it points.
        location: String,
    },
    /// An answer of another status than success.
    #[error("it answers {status}: {text}")]
    Status {
        /// Its status.
        status: u16,
        /// The beginning of its body, or the name of the status.
        text: String,
    },
    /// An answer of success that is not what was asked for.
    #[error("its answer cannot be read: {0}")]
    Malformed(String),
    /// The secret that it wants cannot be read.
    #[error("the secret in {0:?} cannot be read: {1}")]
    Secret(PathBuf, String),
}

impl OutboundError {
    /// Whether the source itself is in trouble, so that asking again at once makes it worse.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Connect(_) | Self::TimedOut(_) | Self::Broken(_) => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }

    pub(super) fn of_send(error: reqwest::Error) -> Self {
        Self::Connect(chain(&error.without_url()))
    }

    pub(super) fn of_body(error: reqwest::Error) -> Self {
        Self::Broken(chain(&error.without_url()))
    }

    pub(super) fn of_status(status: StatusCode, headers: &header::HeaderMap, body: &[u8]) -> Self {
        if status.is_redirection() {
            let location = headers
                .get(header::LOCATION)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            return Self::Redirect {
                status: status.as_u16(),
                location: location.chars().take(200).collect(),
            };
        }
        Self::Status {
            status: status.as_u16(),
            text: words(status, headers, body),
        }
    }
}

/// The error's own words when they are short plain text or JSON; pages of HTML are for browsers.
fn words(status: StatusCode, headers: &header::HeaderMap, body: &[u8]) -> String {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || kind.contains("html") || text.starts_with('<') {
        return status.canonical_reason().unwrap_or("no reason given").to_owned();
    }
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(1000)
        .collect()
}

/// An error with its causes, each once.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !words.iter().any(|have| have.contains(&next)) {
            words.push(next);
        }
        cause = error.source();
    }
    words.join(": ")
}
