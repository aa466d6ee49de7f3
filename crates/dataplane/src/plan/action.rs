//! What a route does with requests.

use std::{sync::Arc, time::Duration};

use vigla_model::Origin;

use super::{Cors, HashKey, Mirror, Pattern};

/// What a route does.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all routes forward: a box would cost them a pointer"
)]
pub enum RouteAction {
    /// Sends the request on.
    Forward(Forward),
    /// Answers with another address.
    Redirect(Redirect),
    /// Answers itself.
    Respond {
        /// HTTP status.
        status: u16,
        /// Body; empty for none.
        body: Arc<str>,
    },
}

/// How a request is sent on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forward {
    /// Clusters by weight; at least one. Weights need not sum to 100; those of weight 0 are left out.
    pub clusters: Vec<WeightedCluster>,
    /// Time from the end of the request to the end of the response; `None`: no limit.
    pub timeout: Option<Duration>,
    /// Retries; `None`: none.
    pub retry: Option<Retry>,
    /// Change of the path.
    pub path: Option<PathRewrite>,
    /// New authority.
    pub authority: Option<Arc<str>>,
    /// Faults to inject.
    pub fault: Option<Fault>,
    /// Copies for others.
    pub mirrors: Vec<Mirror>,
    /// What browsers are told.
    pub cors: Option<Arc<Cors>>,
    /// By what clusters pick an endpoint whose balancer is [`Balancer::RingHash`](super::Balancer::RingHash) or
    /// [`Balancer::Maglev`](super::Balancer::Maglev).
    pub hash: Vec<HashKey>,
}

/// One destination of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedCluster {
    /// Name of the cluster. It may be missing from the plan: then requests get 503 `NC`.
    pub cluster: Arc<str>,
    /// Share of the requests among the route's weights.
    pub weight: u32,
    /// Changes for this destination only.
    pub request_headers: HeaderEdits,
    /// Changes for this destination only.
    pub response_headers: HeaderEdits,
    /// The destination in the rule.
    pub origin: Option<Origin>,
}

/// Changes of headers, in this order: remove, set (overwrites), add (appends).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeaderEdits {
    /// Lower-case names to remove.
    pub remove: Vec<Arc<str>>,
    /// Names and values that replace what is there.
    pub set: Vec<(Arc<str>, Arc<str>)>,
    /// Names and values that are added to what is there.
    pub add: Vec<(Arc<str>, Arc<str>)>,
}

impl HeaderEdits {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}

/// How a path is rewritten. The query stays.
#[derive(Debug, Clone, PartialEq)]
pub enum PathRewrite {
    /// Puts this in place of what the route's match took: the prefix, or the whole exact path.
    Prefix(Arc<str>),
    /// Replaces every match.
    Regex {
        /// What is replaced.
        pattern: Pattern,
        /// By what; groups as `\1`.
        substitution: Arc<str>,
    },
}

/// An answer that sends the caller elsewhere. Absent parts stay as in the request.
#[derive(Debug, Clone, PartialEq)]
pub struct Redirect {
    /// HTTP status: 301, 302, 303, 307 or 308.
    pub status: u16,
    /// New scheme.
    pub scheme: Option<Arc<str>>,
    /// New host.
    pub host: Option<Arc<str>>,
    /// New port.
    pub port: Option<u16>,
    /// New path.
    pub path: Option<RedirectPath>,
}

/// New path of a redirect.
#[derive(Debug, Clone, PartialEq)]
pub enum RedirectPath {
    /// The whole path; the query is dropped when it holds one of its own.
    Full(Arc<str>),
    /// In place of the matched prefix.
    Prefix(Arc<str>),
}

/// When and how often a request is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Tries after the first.
    pub attempts: u32,
    /// Conditions by Envoy's names, such as `connect-failure`.
    pub on: Vec<Arc<str>>,
    /// Statuses that are tried again under `retriable-status-codes`.
    pub statuses: Vec<u16>,
    /// Limit of one try; `None`: the route's.
    pub per_try_timeout: Option<Duration>,
    /// Bytes of a request's body that are kept for another try. A longer body is sent on as it comes, and its request
    /// is not tried again once more than this has been read.
    pub body_limit: u32,
}

/// Our [`Retry::body_limit`]: what JSON calls and nearly all gRPC messages fit in, while a thousand requests that wait
/// for an answer hold at most 64 MB.
pub const RETRY_BODY_LIMIT: u32 = 64 << 10;

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 0,
            on: Vec::new(),
            statuses: Vec::new(),
            per_try_timeout: None,
            body_limit: RETRY_BODY_LIMIT,
        }
    }
}

/// Faults to inject, delay first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fault {
    /// Share in millionths, and how long.
    pub delay: Option<(u32, Duration)>,
    /// Share in millionths, and the status.
    pub abort: Option<(u32, u16)>,
    /// The fault in the rule.
    pub origin: Option<Origin>,
}
