//! Changes of headers.

use crate::HeaderEdits;

/// Headers that can be changed. Names that are no header names are left alone by the implementation.
pub trait HeaderStore {
    /// Removes all values of a name.
    fn remove(&mut self, name: &str);
    /// Replaces all values of a name by this one.
    fn set(&mut self, name: &str, value: &str);
    /// Adds a value to those that are there.
    fn append(&mut self, name: &str, value: &str);
}

/// Applies changes: remove, then set, then add.
pub fn apply_edits(edits: &HeaderEdits, headers: &mut impl HeaderStore) {
    for name in &edits.remove {
        headers.remove(name);
    }
    for (name, value) in &edits.set {
        headers.set(name, value);
    }
    for (name, value) in &edits.add {
        headers.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain(Vec<(String, String)>);

    impl HeaderStore for Plain {
        fn remove(&mut self, name: &str) {
            self.0.retain(|(have, _)| have != name);
        }
        fn set(&mut self, name: &str, value: &str) {
            self.remove(name);
            self.append(name, value);
        }
        fn append(&mut self, name: &str, value: &str) {
            self.0.push((name.into(), value.into()));
        }
    }

    #[test]
    fn headers_are_removed_then_set_then_added() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers = Plain(vec![pair("a", "1"), pair("b", "1"), pair("c", "1")]);
        let edits = HeaderEdits {
            remove: vec!["a".into()],
            set: vec![("a".into(), "2".into()), ("b".into(), "2".into())],
            add: vec![("c".into(), "2".into())],
        };
        apply_edits(&edits, &mut headers);
        let want = [("c", "1"), ("a", "2"), ("b", "2"), ("c", "2")];
        assert_eq!(headers.0, want.map(|(name, value)| pair(name, value)));
    }
}
