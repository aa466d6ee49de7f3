//! What changed between two views of one grain, and how to follow.

use std::{collections::BTreeMap, time::Duration};

use vigla_model::Timestamp;

use crate::{Edge, Grain, GroupBox, Id, Node, View};

/// What turns one view into another.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewDelta {
    /// Grain of the newer view.
    pub grain: Grain,
    /// End of its window.
    pub at: Timestamp,
    /// Its window.
    pub window: Duration,
    /// Nodes.
    pub nodes: Changes<Node>,
    /// Edges.
    pub edges: Changes<Edge>,
    /// Boxes.
    pub boxes: Changes<GroupBox>,
}

/// Things that are new or changed, and ids of those that are gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes<T> {
    /// New and changed, in order of ids.
    pub set: BTreeMap<Id, T>,
    /// Gone, in order.
    pub gone: Vec<Id>,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Self {
            set: BTreeMap::new(),
            gone: Vec::new(),
        }
    }
}

impl<T: Clone + PartialEq> Changes<T> {
    /// True when nothing changed.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.gone.is_empty()
    }

    fn between(old: &BTreeMap<Id, T>, new: &BTreeMap<Id, T>) -> Self {
        let changed = new.iter().filter(|(id, thing)| old.get(id) != Some(thing));
        Self {
            set: changed.map(|(id, thing)| (*id, thing.clone())).collect(),
            gone: old.keys().filter(|id| !new.contains_key(id)).copied().collect(),
        }
    }

    fn apply(&self, things: &mut BTreeMap<Id, T>) {
        for id in &self.gone {
            things.remove(id);
        }
        things.extend(self.set.iter().map(|(id, thing)| (*id, thing.clone())));
    }
}

impl ViewDelta {
    /// True when nothing but the time changed.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.edges.is_empty() && self.boxes.is_empty()
    }
}

/// What turns `old` into `new`. What counts as a change is equality: whoever wants to send less rounds before.
pub fn diff(old: &View, new: &View) -> ViewDelta {
    ViewDelta {
        grain: new.grain,
        at: new.at,
        window: new.window,
        nodes: Changes::between(&old.nodes, &new.nodes),
        edges: Changes::between(&old.edges, &new.edges),
        boxes: Changes::between(&old.boxes, &new.boxes),
    }
}

/// Turns a view into the newer one.
pub fn apply(view: &mut View, delta: &ViewDelta) {
    (view.grain, view.at, view.window) = (delta.grain, delta.at, delta.window);
    delta.nodes.apply(&mut view.nodes);
    delta.edges.apply(&mut view.edges);
    delta.boxes.apply(&mut view.boxes);
}

#[cfg(test)]
mod tests;
