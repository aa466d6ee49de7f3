//! What a route asks for beside sending requests on: copies for others, answers to browsers, a key to pick by.

use std::{sync::Arc, time::Duration};

use vigla_model::Origin;

use super::StringMatch;

/// A copy of requests for somebody else, whose answer nobody waits for (`mirror`).
#[derive(Debug, Clone, PartialEq)]
pub struct Mirror {
    /// Name of the cluster. It may be missing from the plan: then no copies are made.
    pub cluster: Arc<str>,
    /// Share of the requests, in millionths.
    pub share: u32,
    /// The mirror in the rule.
    pub origin: Option<Origin>,
}

/// Which pages of other origins may read answers (`corsPolicy`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cors {
    /// Origins, such as `https://shop.example`; the exact `*` means all.
    pub allow_origins: Vec<StringMatch>,
    /// Methods that a page may use.
    pub allow_methods: Vec<Arc<str>>,
    /// Headers that a page may send.
    pub allow_headers: Vec<Arc<str>>,
    /// Headers that a page may read.
    pub expose_headers: Vec<Arc<str>>,
    /// How long a browser may keep this in mind; whole seconds.
    pub max_age: Option<Duration>,
    /// Whether cookies may be sent; `None`: not said, which means no.
    pub allow_credentials: Option<bool>,
    /// Whether questions of pages that are not allowed go on to the endpoints, instead of being answered without leave.
    pub forward_unmatched: bool,
    /// The policy in the rule.
    pub origin: Option<Origin>,
}

/// A part of requests by which an endpoint is picked: what has the same goes to the same (`consistentHash`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashKey {
    /// The value of a header, by lower-case name.
    Header(Arc<str>),
    /// The value of a cookie.
    Cookie {
        /// Its name.
        name: Arc<str>,
        /// Path for which one is made; empty: none is named.
        path: Arc<str>,
        /// How long a cookie lives that is made for callers without; zero: as long as the browser runs. `None`: none is
        /// made.
        ttl: Option<Duration>,
    },
    /// The caller's address.
    SourceIp,
    /// The value of a query parameter.
    Query(Arc<str>),
}
