//! How every kind is doing, for the status and for what stands in the way of a whole picture.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
    /// The namespace, where the kind is read in single ones.
    pub namespace: Option<Arc<str>>,
    /// How it is doing.
    pub following: Following,
    /// Whether its objects have been read, or known not to exist, at least once.
    pub known: bool,
    /// Objects.
    pub objects: usize,
}

impl KindStatus {
    /// For people: `pods`, `pods in shop`.
    pub(crate) fn shown(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} in {namespace}", self.resource),
            None => self.resource.clone(),
        }
    }
}

/// What is followed by itself: a kind in all namespaces, or in one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    /// Which of [`KINDS`].
    pub(crate) index: usize,
    /// `None`: in all.
    pub(crate) namespace: Option<Arc<str>>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    following: Following,
    known: bool,
    /// Whether there is nothing to wait for before a first state.
    settled: bool,
    objects: usize,
}

#[derive(Debug, Default)]
struct Rows {
    rows: BTreeMap<Part, Row>,
    silence: Option<String>,
}

/// What the followers tell, and what wakes whoever publishes.
#[derive(Debug)]
pub(crate) struct Board {
    rows: Mutex<Rows>,
    /// Something is different.
    pub(crate) changed: Notify,
}

impl Default for Board {
    fn default() -> Self {
        let whole = |index| {
            (
                Part {
                    index,
                    namespace: None,
                },
                Row::default(),
            )
        };
        Self {
            rows: Mutex::new(Rows {
                rows: (0..KINDS.len()).map(whole).collect(),
                silence: None,
            }),
            changed: Notify::new(),
        }
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Rows> {
        // A row is written whole, so what a panic leaves is still true.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a part is doing. One that is not followed any more is of no interest.
    pub(crate) fn note(&self, part: &Part, following: Following) {
        let mut all = self.lock();
        let Some(row) = all.rows.get_mut(part) else { return };
        let known = row.known || matches!(following, Following::Absent | Following::Current);
        if row.following != following || row.known != known {
            row.settled |= known || matches!(following, Following::Refused(_));
            row.following = following;
            row.known = known;
            drop(all);
            self.changed.notify_one();
        }
    }

    /// Notes how many objects there are, and whether they differ from those that were told before.
    pub(crate) fn count(&self, part: &Part, objects: usize, changed: bool) {
        if let Some(row) = self.lock().rows.get_mut(part) {
            row.objects = objects;
        }
        if changed {
            self.changed.notify_one();
        }
    }

    /// From now on a kind is followed in these namespaces, or (`None`) in all at once.
    pub(crate) fn divide(&self, index: usize, namespaces: Option<&[Arc<str>]>) {
        let mut all = self.lock();
        let parts: Vec<Part> = match namespaces {
            Some(names) => names
                .iter()
                .map(|name| Part {
                    index,
                    namespace: Some(Arc::clone(name)),
                })
                .collect(),
            None => vec![Part {
                index,
                namespace: None,
            }],
        };
        all.rows
            .retain(|part, _| part.index != index || parts.contains(part));
        for part in parts {
            all.rows.entry(part).or_default();
        }
        drop(all);
        self.changed.notify_one();
    }

    /// Notes why the API server does not answer at all, or that it does.
    pub(crate) fn note_silence(&self, silence: Option<String>) {
        let mut all = self.lock();
        if all.silence != silence {
            all.silence = silence;
            drop(all);
            self.changed.notify_one();
        }
    }

    /// Why the API server does not answer at all.
    pub(crate) fn silence(&self) -> Option<String> {
        self.lock().silence.clone()
    }

    /// Whether every kind has been read, is known not to exist, or is not shown to us.
    pub(crate) fn all_settled(&self) -> bool {
        self.lock().rows.values().all(|row| row.settled)
    }

    /// All kinds.
    pub(crate) fn status(&self) -> Vec<KindStatus> {
        let all = self.lock();
        let status = all.rows.iter().map(|(part, row)| KindStatus {
            resource: KINDS[part.index].resource(),
            namespace: part.namespace.clone(),
            following: row.following.clone(),
            known: row.known,
            objects: row.objects,
        });
        status.collect()
    }
}
