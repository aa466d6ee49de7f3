//! What is known of one kind: the newest of every object, whatever order events come in and however often.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

/// Objects that went lately are remembered, so that a late event does not bring them back: events overtake each
/// other by seconds at most, and a kind seldom loses more in that time.
const REMEMBERED: usize = 256;

/// The objects of one kind, by namespace and name.
#[derive(Debug)]
pub(crate) struct Table<V> {
    rows: BTreeMap<Box<str>, Row<V>>,
    /// Objects that went, and at which version.
    gone: VecDeque<(Box<str>, u64)>,
}

#[derive(Debug)]
struct Row<V> {
    version: Option<u64>,
    value: V,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            gone: VecDeque::new(),
        }
    }
}

impl<V: PartialEq> Table<V> {
    /// Takes an object as it is at a version. Says whether anything is different now.
    pub(crate) fn put(&mut self, key: Box<str>, version: Option<u64>, value: V) -> bool {
        let is_old =
            |known: Option<u64>| matches!((known, version), (Some(known), Some(version)) if version <= known);
        if let Some(row) = self.rows.get_mut(&key) {
            if is_old(row.version) {
                return false;
            }
            row.version = version;
            if row.value == value {
                return false;
            }
            row.value = value;
            return true;
        }
        if self
            .gone
            .iter()
            .any(|(gone, at)| *gone == key && is_old(Some(*at)))
        {
            return false;
        }
        self.rows.insert(key, Row { version, value });
        true
    }

    /// Takes that an object went at a version. Says whether anything is different now.
    pub(crate) fn remove(&mut self, key: &str, version: Option<u64>) -> bool {
        if let Some(row) = self.rows.get(key) {
            // It went, and came again before the word about its end: another object of the same name stays.
            if matches!((row.version, version), (Some(row), Some(version)) if version < row) {
                return false;
            }
            self.rows.remove(key);
            self.remember(key, version);
            return true;
        }
        self.remember(key, version);
        false
    }

    fn remember(&mut self, key: &str, version: Option<u64>) {
        let Some(version) = version else { return };
        if self.gone.len() >= REMEMBERED {
            self.gone.pop_front();
        }
        self.gone.push_back((key.into(), version));
    }

    /// Takes a whole list in place of all that was known, of a namespace or of all. Values that say the same stay the
    /// ones that they were.
    pub(crate) fn replace(&mut self, namespace: Option<&str>, mut list: Self) -> bool {
        let is_of = |key: &str| namespace.is_none_or(|namespace| key.split('/').next() == Some(namespace));
        let (mut before, others): (BTreeMap<_, _>, BTreeMap<_, _>) = mem::take(&mut self.rows)
            .into_iter()
            .partition(|(key, _)| is_of(key));
        let mut changed = before.len() != list.rows.len();
        for (key, row) in &mut list.rows {
            match before.get_mut(key) {
                Some(known) if known.value == row.value => mem::swap(&mut known.value, &mut row.value),
                _ => changed = true,
            }
        }
        self.rows = others;
        self.rows.append(&mut list.rows);
        // A list is the truth of its moment: what it does not know of is gone, by itself.
        self.gone.retain(|(key, _)| !is_of(key));
        changed
    }

    /// All values, in order of namespace and name.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.rows.values().map(|row| &row.value)
    }

    /// All of them with their keys.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &V)> {
        self.rows.iter().map(|(key, row)| (&**key, &row.value))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many there are in a namespace.
    pub(crate) fn len_in(&self, namespace: &str) -> usize {
        // `0` comes next after `/`.
        let range = format!("{namespace}/").into_boxed_str()..format!("{namespace}0").into_boxed_str();
        self.rows.range(range).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `+a5` puts `a` as it is at version 5, `-a6` says that it went at 6.
    fn told(events: &str) -> String {
        let mut table = Table::default();
        for event in events.split(' ') {
            let version: u64 = event[2..].parse().unwrap();
            if event.starts_with('+') {
                table.put(event[1..2].into(), Some(version), version);
            } else {
                table.remove(&event[1..2], Some(version));
            }
        }
        let rows: Vec<_> = table
            .entries()
            .map(|(key, value)| format!("{key}{value}"))
            .collect();
        rows.join(" ")
    }

    #[test]
    fn events_out_of_order_and_twice_leave_the_newest() {
        for (events, left) in [
            ("+a1 +b2 +a3", "a3 b2"),
            ("+a3 +a1", "a3"),
            ("+a1 +a1 -a2 -a2", ""),
            ("+a1 -a3 +a2", ""),
            ("-a3 +a2", ""),
            ("+a1 -a3 +a4 -a3", "a4"),
            ("+a5 -a3", "a5"),
            ("+a1 -a3 +a4 +a2", "a4"),
        ] {
            assert_eq!(told(events), left, "{events}");
        }
    }

    #[test]
    fn only_what_says_something_else_is_a_change() {
        let mut table = Table::default();
        assert!(table.put("a".into(), Some(1), "x"));
        assert!(!table.put("a".into(), Some(2), "x"));
        assert!(table.put("a".into(), Some(3), "y"));
        let list = |value| {
            let mut list = Table::default();
            list.put("a".into(), Some(9), value);
            list
        };
        assert!(!table.replace(None, list("y")));
        assert!(table.replace(None, list("z")));
        assert!(table.replace(None, Table::default()));
        assert!(!table.replace(None, Table::default()));
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn a_list_of_one_namespace_leaves_the_others() {
        let mut table = Table::default();
        for key in ["a/x", "a/y", "ab/x", "b/x"] {
            table.put(key.into(), Some(1), 1);
        }
        let mut list = Table::default();
        list.put("a/y".into(), Some(2), 1);
        assert!(table.replace(Some("a"), list));
        let keys: Vec<&str> = table.entries().map(|(key, _)| key).collect();
        assert_eq!(keys, ["a/y", "ab/x", "b/x"]);
        assert_eq!((table.len(), table.len_in("a"), table.len_in("ab")), (3, 1, 1));
        assert!(table.replace(Some("b"), Table::default()));
        assert!(!table.replace(Some("b"), Table::default()));
    }

    #[test]
    fn what_is_remembered_of_the_gone_is_bounded() {
        let mut table: Table<u8> = Table::default();
        for number in 0..10_000_u64 {
            table.remove(&number.to_string(), Some(number));
        }
        assert_eq!(table.gone.len(), REMEMBERED);
    }
}
