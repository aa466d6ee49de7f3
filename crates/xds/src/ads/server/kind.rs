//! What a proxy has of one kind of resource, and what is on its way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{Event, KindStatus, PATIENCE};
use crate::{Resource, ResourceKind};

#[derive(Debug, Default)]
pub(super) struct Kind {
    /// Names that are wanted (empty for wildcard kinds); `None` before the first request.
    pub(super) names: Option<BTreeSet<Arc<str>>>,
    /// What the proxy has or was sent, by hash.
    pub(super) sent: BTreeMap<Arc<str>, u64>,
    /// Version that was sent last, or that the proxy brought along.
    pub(super) version: Option<Arc<str>>,
    /// Nonce of the last answer.
    pub(super) nonce: Arc<str>,
    pub(super) in_flight: Option<InFlight>,
    pub(super) status: KindStatus,
    /// Whether there is something to send, were nothing in flight. Kept, because it is asked far more often than it
    /// changes; `Stream::reconsider` works it out.
    pub(super) is_behind: bool,
}

#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) since: Duration,
    pub(super) names: Vec<Arc<str>>,
}

impl Kind {
    /// Whether the proxy has a resource or was sent it.
    pub(super) fn has(&self, resource: &Resource) -> bool {
        self.sent.get(&resource.name) == Some(&resource.hash)
    }

    /// Whether something is to be sent, and the last answer is settled or given up.
    pub(super) fn may_push(&self, now: Duration) -> bool {
        let waits = |answer: &InFlight| now < answer.since + PATIENCE;
        self.is_behind && !self.in_flight.as_ref().is_some_and(waits)
    }

    pub(super) fn settle(
        &mut self,
        kind: ResourceKind,
        answer: InFlight,
        error: Option<Arc<str>>,
        now: Duration,
    ) -> Event {
        let version = self.version.clone().expect("an answer in flight has a version");
        match error {
            None => {
                self.status = KindStatus {
                    acknowledged: Some((Arc::clone(&version), now)),
                    refused: None,
                };
                Event::Acknowledged {
                    kind,
                    version,
                    took: now.saturating_sub(answer.since),
                }
            }
            Some(text) => {
                for name in &answer.names {
                    self.sent.remove(name);
                }
                self.status.refused = Some(Arc::clone(&text));
                Event::Refused {
                    kind,
                    version,
                    names: answer.names,
                    text,
                }
            }
        }
    }
}
