//! A set for a handful of things.

use std::ops::Deref;

/// A sorted set in one piece of memory. Edges have one principal or service each, seldom more: a tree would take half
/// a kilobyte for it, and a mesh has ten thousands of such sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Few<T>(Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord> Few<T> {
    /// Adds a thing, unless it is there.
    pub fn insert(&mut self, thing: T) {
        if let Err(at) = self.0.binary_search(&thing) {
            self.0.insert(at, thing);
        }
    }

    /// Adds copies of those that are not there yet.
    pub fn add(&mut self, others: &Self)
    where
        T: Clone,
    {
        for thing in &others.0 {
            if let Err(at) = self.0.binary_search(thing) {
                self.0.insert(at, thing.clone());
            }
        }
    }

    /// Keeps those for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Reading is as from a slice, in order.
impl<T> Deref for Few<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Ord> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, things: I) {
        things.into_iter().for_each(|thing| self.insert(thing));
    }
}

impl<T: Ord> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> Self {
        let mut few = Self::default();
        few.extend(things);
        few
    }
}

impl<'a, T> IntoIterator for &'a Few<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_set_in_order() {
        let mut few: Few<u8> = [5, 1, 5, 3].into_iter().collect();
        few.add(&[4, 1].into_iter().collect());
        assert_eq!(*few, [1, 3, 4, 5]);
        few.retain(|number| number % 2 == 1);
        assert_eq!((few.first(), few.len(), few.contains(&3)), (Some(&1), 3, true));
    }
}
