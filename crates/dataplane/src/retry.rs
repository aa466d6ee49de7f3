//! Which outcomes of a try are tried again, by Envoy's conditions.

use crate::Retry;

/// How a try ended, before anything of its answer went to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No connection, or no TLS session.
    ConnectFailure,
    /// The connection broke; true when the request had not been sent yet.
    Reset {
        /// Nothing of the request had left.
        before_request: bool,
    },
    /// The endpoint refused the stream, or went away before it looked at it (HTTP/2): nothing was done, so that another
    /// try is always safe.
    Refused,
    /// The limit of one try passed.
    PerTryTimeout,
    /// An answer came.
    Response {
        /// HTTP status.
        status: u16,
        /// gRPC status, when the answer consists of headers only.
        grpc_status: Option<u16>,
    },
}

/// Whether this outcome meets one of the conditions. Counting the tries is the caller's.
pub fn may_retry(retry: &Retry, outcome: Outcome) -> bool {
    // The common case first: nothing is tried again on success.
    if let Outcome::Response {
        status: 200..=299,
        grpc_status: None | Some(0),
    } = outcome
        && retry.statuses.is_empty()
    {
        return false;
    }
    retry.on.iter().any(|condition| meets(condition, retry, outcome))
}

fn meets(condition: &str, retry: &Retry, outcome: Outcome) -> bool {
    match outcome {
        Outcome::ConnectFailure => {
            matches!(
                condition,
                "connect-failure" | "5xx" | "gateway-error" | "reset" | "reset-before-request"
            )
        }
        Outcome::Reset { before_request } => match condition {
            "reset-before-request" => before_request,
            _ => matches!(condition, "5xx" | "gateway-error" | "reset"),
        },
        Outcome::Refused => matches!(condition, "refused-stream" | "5xx" | "gateway-error" | "reset"),
        Outcome::PerTryTimeout => matches!(condition, "5xx" | "gateway-error" | "reset"),
        Outcome::Response { status, grpc_status } => match condition {
            "5xx" => (500..600).contains(&status),
            "gateway-error" => matches!(status, 502..=504),
            "retriable-4xx" => status == 409,
            "retriable-status-codes" => retry.statuses.contains(&status),
            "cancelled" => grpc_status == Some(1),
            "deadline-exceeded" => grpc_status == Some(4),
            "resource-exhausted" => grpc_status == Some(8),
            "internal" => grpc_status == Some(13),
            "unavailable" => grpc_status == Some(14),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_envoys() {
        let status = |status| Outcome::Response {
            status,
            grpc_status: None,
        };
        let grpc = |code| Outcome::Response {
            status: 200,
            grpc_status: Some(code),
        };
        let istio = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
        for (on, outcome, want) in [
            (istio, Outcome::ConnectFailure, true),
            (
                istio,
                Outcome::Reset {
                    before_request: false,
                },
                false,
            ),
            (istio, Outcome::PerTryTimeout, false),
            (istio, Outcome::Refused, true),
            ("connect-failure", Outcome::Refused, false),
            ("reset", Outcome::Refused, true),
            (istio, status(503), true),
            (istio, status(500), false),
            (istio, grpc(14), true),
            (istio, grpc(2), false),
            ("5xx", status(500), true),
            ("5xx", status(404), false),
            ("5xx", Outcome::PerTryTimeout, true),
            ("gateway-error", status(500), false),
            ("gateway-error", Outcome::ConnectFailure, true),
            (
                "reset-before-request",
                Outcome::Reset { before_request: true },
                true,
            ),
            (
                "reset-before-request",
                Outcome::Reset {
                    before_request: false,
                },
                false,
            ),
            ("retriable-4xx", status(409), true),
        ] {
            let retry = Retry {
                attempts: 2,
                on: on.split(',').map(Into::into).collect(),
                statuses: vec![503],
                ..Retry::default()
            };
            assert_eq!(may_retry(&retry, outcome), want, "{on} {outcome:?}");
        }
    }
}
