//! The log of config changes: bounded, since the console started.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use vigla_api::{ChangeItem, convert::object_body, format_time};
use vigla_config::ChangeKind;
use vigla_model::{ObjectRef, Scope, Timestamp};

/// Changes kept; a day of one edit a minute is 1 440.
const KEEP: usize = 2000;

/// The log. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    log: Arc<Mutex<VecDeque<Change>>>,
}

#[derive(Debug)]
struct Change {
    at: Timestamp,
    revision: u64,
    action: ChangeKind,
    object: ObjectRef,
    by: String,
}

impl Changes {
    /// Notes one change.
    pub fn note(&self, at: Timestamp, revision: u64, action: ChangeKind, object: ObjectRef, by: &str) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == KEEP {
            log.pop_front();
        }
        log.push_back(Change {
            at,
            revision,
            action,
            object,
            by: by.to_owned(),
        });
    }

    /// Changes in a span of time that the caller may read, newest first.
    pub fn between(&self, from: Option<Timestamp>, to: Option<Timestamp>, scope: &Scope) -> Vec<ChangeItem> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = log.iter().rev().filter(|change| {
            from.is_none_or(|from| change.at >= from)
                && to.is_none_or(|to| change.at <= to)
                && (scope.allows(&change.object.namespace) || *scope == Scope::All)
        });
        let item = |change: &Change| ChangeItem {
            at: format_time(change.at),
            revision: change.revision,
            action: change.action.as_str().into(),
            object: object_body(&change.object),
            by: change.by.clone(),
        };
        asked.map(item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_newest_first_and_only_to_those_who_may_read() {
        let changes = Changes::default();
        let object = |namespace| ObjectRef::new("", "Service", namespace, "a");
        changes.note(Timestamp(1), 1, ChangeKind::Added, object("shop"), "file");
        changes.note(Timestamp(2), 2, ChangeKind::Removed, object("bookinfo"), "file");
        let all = changes.between(None, None, &Scope::All);
        assert_eq!(all.iter().map(|item| item.revision).collect::<Vec<_>>(), [2, 1]);
        let mine = changes.between(None, None, &Scope::Namespaces(["shop".into()].into()));
        assert_eq!((mine.len(), mine[0].action.as_str()), (1, "added"));
        assert!(changes.between(Some(Timestamp(3)), None, &Scope::All).is_empty());
    }
}
