//! What changed between two states of the mesh's config.

use std::{collections::HashMap, sync::Arc};

use vigla_model::ObjectRef;

use crate::Object;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It says something else. Comments and indentation do not count.
    Changed,
    /// It is gone.
    Removed,
}

impl ChangeKind {
    /// The word: `added`, `changed` or `removed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// A change of one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The object.
    pub object: ObjectRef,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// The changes from one state to another, in order of the objects' names.
pub fn changes(before: &[Arc<Object>], after: &[Arc<Object>]) -> Vec<Change> {
    let mut old: HashMap<&ObjectRef, &Arc<Object>> = before
        .iter()
        .map(|object| (object.object_ref(), object))
        .collect();
    // Of two with the same name the later one counts, as in the Snapshot.
    let new: HashMap<&ObjectRef, &Arc<Object>> =
        after.iter().map(|object| (object.object_ref(), object)).collect();
    let mut found = Vec::new();
    for (reference, object) in new {
        let kind = match old.remove(reference) {
            None => ChangeKind::Added,
            Some(before) if Arc::ptr_eq(before, object) || before.same_content(object) => continue,
            Some(_) => ChangeKind::Changed,
        };
        found.push(Change {
            object: reference.clone(),
            kind,
        });
    }
    found.extend(old.into_keys().map(|reference| Change {
        object: reference.clone(),
        kind: ChangeKind::Removed,
    }));
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_objects;

    fn read(text: &str) -> Vec<Arc<Object>> {
        read_objects("-", text).objects
    }

    #[test]
    fn only_what_says_something_else_has_changed() {
        let service = |name: &str, port: u16| {
            format!(
                "kind: Service\napiVersion: v1\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: {port}}}]}}\n---\n"
            )
        };
        let before = read(&(service("a", 1) + &service("b", 1) + &service("c", 1)));
        let after =
            read(&("# moved\n\n".to_owned() + &service("d", 1) + &service("b", 2) + &service("a", 1)));
        let found: Vec<String> = changes(&before, &after)
            .iter()
            .map(|change| format!("{} {}", change.kind.as_str(), change.object.name))
            .collect();
        assert_eq!(found, ["changed b", "removed c", "added d"]);
    }
}
