//! What a Prometheus says of itself, and what its errors mean.

use serde::Deserialize;

use crate::outbound::OutboundError;

/// Answer of `/api/v1/status/buildinfo`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct BuildInfo {
    #[serde(default)]
    version: String,
    /// Mimir and its kin name themselves.
    #[serde(default)]
    application: String,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

impl BuildInfo {
    /// Reads the answer; `None` when it is something else.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let envelope: Envelope<Self> = serde_json::from_slice(body).ok()?;
        Some(envelope.data).filter(|info| !info.version.is_empty())
    }

    /// Its name and version, such as `Prometheus 2.42.0`.
    pub fn version(&self) -> String {
        let name = if self.application.is_empty() {
            "Prometheus"
        } else {
            &self.application
        };
        format!("{name} {}", self.version)
    }

    /// What it can do for us.
    pub fn capabilities(info: Option<&Self>) -> Vec<String> {
        let mut list = vec!["window".to_owned(), "at".to_owned()];
        let major = info
            .and_then(|info| info.version.split('.').next())
            .and_then(|major| major.trim_start_matches('v').parse::<u32>().ok());
        if major.is_some_and(|major| major >= 3) {
            list.push("left_open_ranges".to_owned());
        }
        list
    }
}

/// The error of a Prometheus in words that tell what to do.
pub(super) fn words(error: &OutboundError) -> String {
    let advice = match error {
        OutboundError::Status { status: 401, .. } => "check the token or password file in the settings",
        OutboundError::Status { status: 403, .. } => "the token or user has no right to query",
        OutboundError::Status { status: 404, .. } => "is the path in its address right?",
        OutboundError::Status { status: 422, .. } => "it cannot run the query: see its own limits",
        OutboundError::Status { status: 429, .. } => "it limits us: refresh less often",
        _ => return of_body(error),
    };
    format!("{} ({advice})", of_body(error))
}

/// Prometheus puts its own words into a JSON body.
fn of_body(error: &OutboundError) -> String {
    #[derive(Deserialize)]
    struct Body {
        error: String,
    }
    match error {
        OutboundError::Status { status, text } => match serde_json::from_str::<Body>(text) {
            Ok(body) => format!("it answers {status}: {}", body.error),
            Err(_) => error.to_string(),
        },
        _ => error.to_string(),
    }
}
