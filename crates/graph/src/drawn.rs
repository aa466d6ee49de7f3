//! Things by id while a view is being drawn.

use std::{
    collections::BTreeMap,
    ops::{Index, IndexMut},
};

use crate::{Id, id::ById};

/// Things in the order in which they were first seen. A node or an edge is most of a kilobyte, and a sorted map moves
/// some of them at every insertion; here each is written once, and sorted by its id at the end.
pub(crate) struct Drawn<T> {
    things: Vec<T>,
    places: ById<Id, usize>,
}

impl<T> Drawn<T> {
    /// Nothing yet, and room for about so many.
    pub(crate) fn with_room(things: usize) -> Self {
        Self {
            things: Vec::with_capacity(things),
            places: ById::default(),
        }
    }

    /// The place of a thing, drawn now if it is new.
    pub(crate) fn place(&mut self, id: Id, draw: impl FnOnce() -> T) -> usize {
        *self.places.entry(id).or_insert_with(|| {
            self.things.push(draw());
            self.things.len() - 1
        })
    }

    /// Number of things.
    pub(crate) fn len(&self) -> usize {
        self.things.len()
    }

    /// All by their ids.
    pub(crate) fn into_map(self) -> BTreeMap<Id, T> {
        let mut order: Vec<(Id, usize)> = self.places.into_iter().collect();
        order.sort_unstable();
        let mut things: Vec<Option<T>> = self.things.into_iter().map(Some).collect();
        // A map is built in one go, without searching, from what comes in order.
        order
            .into_iter()
            .filter_map(|(id, place)| Some((id, things[place].take()?)))
            .collect()
    }
}

impl<T> Index<usize> for Drawn<T> {
    type Output = T;
    fn index(&self, place: usize) -> &T {
        &self.things[place]
    }
}

impl<T> IndexMut<usize> for Drawn<T> {
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut self.things[place]
    }
}
