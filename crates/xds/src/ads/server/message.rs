//! What goes back and forth on a stream, and what it meant.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::{Resource, ResourceKind};

/// What a proxy says about one kind of resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The kind.
    pub kind: ResourceKind,
    /// Version that the proxy has in force; empty for none.
    pub version: Arc<str>,
    /// Nonce of the answer that this replies to; empty on first contact.
    pub nonce: Arc<str>,
    /// Names that it wants; empty for all.
    pub names: BTreeSet<Arc<str>>,
    /// Why it refuses the answer.
    pub error: Option<Arc<str>>,
}

/// What a request meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The proxy asked for something.
    Subscribed(ResourceKind),
    /// It took an answer.
    Acknowledged {
        /// The kind.
        kind: ResourceKind,
        /// Version of the answer.
        version: Arc<str>,
        /// Time since the answer was sent.
        took: Duration,
    },
    /// It refused an answer and stays with what it had.
    Refused {
        /// The kind.
        kind: ResourceKind,
        /// Version of the answer.
        version: Arc<str>,
        /// Names in the answer.
        names: Vec<Arc<str>>,
        /// The proxy's reason.
        text: Arc<str>,
    },
    /// It replied to an answer that has a successor: nothing to do.
    Stale,
}

/// An answer to send.
#[derive(Debug, Clone)]
pub struct Push {
    /// The kind.
    pub kind: ResourceKind,
    /// Version of all that the proxy is to have of the kind.
    pub version: Arc<str>,
    /// Names this answer.
    pub nonce: Arc<str>,
    /// What to send: everything of a wildcard kind, else what changed.
    pub resources: Vec<Resource>,
}

/// What a proxy has of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KindStatus {
    /// Last acknowledged version, and when.
    pub acknowledged: Option<(Arc<str>, Duration)>,
    /// The refusal of the last answer; `None` when it was taken.
    pub refused: Option<Arc<str>>,
}
