//! What a rule of a VirtualService's `http` does with requests.

use std::time::Duration;

use super::part::{part, strings};
use crate::Node;

part!(
    /// `redirect`.
    Redirect
);
part!(
    /// `rewrite`.
    Rewrite
);
part!(
    /// `retries`.
    Retries
);
part!(
    /// `fault`.
    Fault
);
part!(
    /// `headers`.
    Headers
);
part!(
    /// `headers.request` or `headers.response`.
    HeaderOperations
);
part!(
    /// `directResponse`.
    DirectResponse
);

impl<'a> Redirect<'a> {
    /// New path; the text stands for the whole path.
    pub fn uri(self) -> Option<&'a str> {
        self.text("uri")
    }

    /// New host.
    pub fn authority(self) -> Option<&'a str> {
        self.text("authority")
    }

    /// New scheme.
    pub fn scheme(self) -> Option<&'a str> {
        self.text("scheme")
    }

    /// New port.
    pub fn port(self) -> Option<u16> {
        self.field("port")?.as_port()
    }

    /// `derivePort`: `FROM_PROTOCOL_DEFAULT` or `FROM_REQUEST_PORT`.
    pub fn derive_port(self) -> Option<&'a str> {
        self.text("derivePort")
    }

    /// Status; 301 when none is written.
    pub fn code(self) -> u16 {
        let code = self.field("redirectCode").and_then(Node::as_i64);
        code.and_then(|code| u16::try_from(code).ok()).unwrap_or(301)
    }
}

/// `rewrite.uriRegexRewrite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewriteRegex<'a> {
    /// What is replaced.
    pub pattern: &'a str,
    /// By what; groups as `\1`.
    pub substitution: &'a str,
}

impl<'a> Rewrite<'a> {
    /// New path, in place of what the match took.
    pub fn uri(self) -> Option<&'a str> {
        self.text("uri")
    }

    /// New authority.
    pub fn authority(self) -> Option<&'a str> {
        self.text("authority")
    }

    /// Change of the path by regular expression.
    pub fn regex(self) -> Option<RewriteRegex<'a>> {
        let node = self.field("uriRegexRewrite")?;
        Some(RewriteRegex {
            pattern: node.get("match")?.text()?,
            substitution: node.get("rewrite").and_then(Node::text).unwrap_or(""),
        })
    }
}

impl<'a> DirectResponse<'a> {
    /// Status.
    pub fn status(self) -> Option<u16> {
        self.field("status")?
            .as_i64()
            .and_then(|status| u16::try_from(status).ok())
    }

    /// Body, when it is text.
    pub fn body(self) -> Option<&'a str> {
        self.field("body")?.get("string")?.text()
    }
}

impl<'a> Retries<'a> {
    /// Tries after the first; `None` when it is not written.
    pub fn attempts(self) -> Option<u32> {
        self.field("attempts")?
            .as_i64()
            .and_then(|number| u32::try_from(number).ok())
    }

    /// Limit of one try.
    pub fn per_try_timeout(self) -> Option<Duration> {
        self.field("perTryTimeout")?.as_duration()
    }

    /// Conditions, separated by commas.
    pub fn retry_on(self) -> Option<&'a str> {
        self.text("retryOn")
    }
}

/// A share as Istio writes it: `percentage.value` from 0 to 100, or the older `percent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent {
    /// Millionths.
    pub millionths: u32,
}

impl Percent {
    /// A share from 0 to 100; what is outside counts as the nearer end.
    pub(crate) fn of_hundred(value: f64) -> Self {
        Self {
            millionths: (value.clamp(0.0, 100.0) * 10_000.0).round() as u32,
        }
    }

    /// The share in a part of a fault; all (100 %) when none is written.
    fn of(node: Node<'_>) -> Self {
        let value = match node.get("percentage") {
            Some(percentage) => percentage.get("value").and_then(Node::as_f64).unwrap_or(0.0),
            None => node.get("percent").and_then(Node::as_f64).unwrap_or(100.0),
        };
        Self::of_hundred(value)
    }
}

/// `fault.delay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultDelay {
    /// How many requests.
    pub share: Percent,
    /// How long.
    pub delay: Duration,
}

/// `fault.abort`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultAbort {
    /// How many requests.
    pub share: Percent,
    /// HTTP status.
    pub status: u16,
}

impl Fault<'_> {
    /// Delay of requests.
    pub fn delay(self) -> Option<FaultDelay> {
        let node = self.field("delay")?;
        Some(FaultDelay {
            share: Percent::of(node),
            delay: node.get("fixedDelay")?.as_duration()?,
        })
    }

    /// Requests that are refused.
    pub fn abort(self) -> Option<FaultAbort> {
        let node = self.field("abort")?;
        Some(FaultAbort {
            share: Percent::of(node),
            status: node
                .get("httpStatus")?
                .as_i64()
                .and_then(|status| u16::try_from(status).ok())?,
        })
    }
}

impl<'a> Headers<'a> {
    /// Changes of the request.
    pub fn request(self) -> Option<HeaderOperations<'a>> {
        self.field("request").map(HeaderOperations)
    }

    /// Changes of the response.
    pub fn response(self) -> Option<HeaderOperations<'a>> {
        self.field("response").map(HeaderOperations)
    }
}

impl<'a> HeaderOperations<'a> {
    /// Names and values that replace what is there.
    pub fn set(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs("set")
    }

    /// Names and values that are added.
    pub fn add(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs("add")
    }

    /// Names that are removed.
    pub fn remove(self) -> impl Iterator<Item = &'a str> {
        strings(Some(self.0), "remove").filter_map(Node::text)
    }

    fn pairs(self, key: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let entries = self.field(key).into_iter().flat_map(Node::entries);
        entries.filter_map(|(name, node)| Some((name, node.raw()?.0)))
    }
}
