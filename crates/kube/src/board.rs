//! How every kind is doing, for the status and for what stands in the way of a whole picture.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::kinds::KINDS;

/// How one kind is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Following {
    /// Its objects have not been read yet.
    #[default]
    Starting,
    /// The API server does not know it: its definition is not installed.
    Absent,
    /// Its objects are known and changes arrive.
    Current,
    /// What is known is from before this.
    Failing(String),
    /// The API server does not show it to us, so waiting for it would not help.
    Refused(String),
}

/// One kind in the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindStatus {
    /// Name, as `kubectl get` takes it.
    pub resource: String,
    /// How it is doing.
    pub following: Following,
    /// Whether its objects have been read, or known not to exist, at least once.
    pub known: bool,
    /// Objects.
    pub objects: usize,
}

#[derive(Debug, Clone, Default)]
struct Row {
    following: Following,
    known: bool,
    /// Whether there is nothing to wait for before a first state.
    settled: bool,
    objects: usize,
}

/// What the followers tell, and what wakes whoever publishes.
#[derive(Debug)]
pub(crate) struct Board {
    rows: Mutex<Vec<Row>>,
    /// Something is different.
    pub(crate) changed: Notify,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            rows: Mutex::new(vec![Row::default(); KINDS.len()]),
            changed: Notify::new(),
        }
    }
}

impl Board {
    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        // A row is written whole, so what a panic leaves is still true.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a kind is doing.
    pub(crate) fn note(&self, index: usize, following: Following) {
        let mut rows = self.rows();
        let row = &mut rows[index];
        let known = row.known || matches!(following, Following::Absent | Following::Current);
        if row.following != following || row.known != known {
            row.settled |= known || matches!(following, Following::Refused(_));
            row.following = following;
            row.known = known;
            drop(rows);
            self.changed.notify_one();
        }
    }

    /// Notes how many objects there are, and whether they differ from those that were told before.
    pub(crate) fn count(&self, index: usize, objects: usize, changed: bool) {
        self.rows()[index].objects = objects;
        if changed {
            self.changed.notify_one();
        }
    }

    /// Whether every kind has been read, is known not to exist, or is not shown to us.
    pub(crate) fn all_settled(&self) -> bool {
        self.rows().iter().all(|row| row.settled)
    }

    /// All kinds.
    pub(crate) fn status(&self) -> Vec<KindStatus> {
        let rows = self.rows();
        let kinds = KINDS.iter().zip(rows.iter());
        kinds
            .map(|(kind, row)| KindStatus {
                resource: kind.resource(),
                following: row.following.clone(),
                known: row.known,
                objects: row.objects,
            })
            .collect()
    }
}
