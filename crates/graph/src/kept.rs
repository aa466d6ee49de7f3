//! Views that are kept from refresh to refresh: where only numbers changed, only their edges are counted anew, and
//! only what hangs on these.
//!
//! What they hold is to the last bit what [`Graph`](crate::Graph) and [`quotient`](crate::quotient) build from nothing.
//! Who cuts a view down or puts causes on it does so on a copy.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    Changes, Edge, Grain, Id, Identities, TrafficRow, TrafficWindow, View, ViewDelta,
    build::{self, Callee},
    diff,
    health::{self, Beside},
    id::ById,
    quotient,
};

/// What a refresh changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// There may be other nodes and edges than before.
    All,
    /// Numbers and health of these.
    Some {
        /// Nodes.
        nodes: BTreeSet<Id>,
        /// Edges.
        edges: BTreeSet<Id>,
    },
}

/// The finest view of the newest windows.
#[derive(Debug)]
pub struct Kept<M> {
    mesh: Arc<M>,
    windows: Vec<TrafficWindow>,
    view: View,
    /// The edge of each row, of all windows one after the other.
    edge_of: Vec<Id>,
    /// The rows of each edge, in the order in which they count.
    rows_of: ById<Id, Vec<u32>>,
    /// Edges between two nodes: what one shows depends on the others.
    between: ById<(Id, Id), Vec<Id>>,
    beside: Beside,
}

impl<M: Identities> Kept<M> {
    /// Builds the view from nothing.
    pub fn build(windows: Vec<TrafficWindow>, mesh: Arc<M>) -> Self {
        let drawing = build::finest(&windows, &*mesh);
        let none = Id(0);
        let mut edge_of = vec![none; drawing.counted.len()];
        let mut rows_of: ById<Id, Vec<u32>> =
            ById::with_capacity_and_hasher(drawing.view.edges.len(), Default::default());
        for (row, edge) in drawing.counted {
            edge_of[row as usize] = edge;
            rows_of.entry(edge).or_default().push(row);
        }
        let mut between: ById<(Id, Id), Vec<Id>> =
            ById::with_capacity_and_hasher(drawing.view.edges.len(), Default::default());
        for edge in drawing.view.edges.values() {
            between
                .entry((edge.source, edge.target))
                .or_default()
                .push(edge.id);
        }
        Self {
            mesh,
            windows,
            beside: Beside::of(&drawing.view),
            view: drawing.view,
            edge_of,
            rows_of,
            between,
        }
    }

    /// The view.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Brings the view to newer windows. With other rows than before, or another mesh, it is built from nothing.
    pub fn update(&mut self, windows: Vec<TrafficWindow>, mesh: &Arc<M>) -> Changed {
        if !Arc::ptr_eq(&self.mesh, mesh) || !same_rows(&self.windows, &windows) {
            *self = Self::build(windows, mesh.clone());
            return Changed::All;
        }
        let before = std::mem::replace(&mut self.windows, windows);
        let newest = self.windows.iter().map(|window| window.at).max();
        self.view.at = newest.unwrap_or(self.view.at);
        let rows = before
            .iter()
            .flat_map(|window| &window.rows)
            .zip(rows(&self.windows));
        let counts: BTreeSet<Id> = rows
            .zip(&self.edge_of)
            .filter(|((old, new), _)| (&old.traffic, old.totals) != (&new.traffic, new.totals))
            .map(|(_, edge)| *edge)
            .collect();
        self.count(&counts)
    }

    /// Counts these edges anew.
    fn count(&mut self, counts: &BTreeSet<Id>) -> Changed {
        let Self {
            windows,
            view,
            rows_of,
            between,
            beside,
            ..
        } = self;
        let mut pairs = BTreeSet::new();
        for id in counts {
            let (Some(edge), Some(rows)) = (view.edges.get_mut(id), rows_of.get(id)) else {
                debug_assert!(false, "row of edge {id}, which is not there");
                continue;
            };
            (edge.by_source, edge.by_destination, edge.refused) = (None, None, 0.0);
            for number in rows {
                build::count_row(edge, row(windows, *number));
            }
            pairs.insert((edge.source, edge.target));
        }
        let mut edges = BTreeSet::new();
        for of_pair in pairs.iter().filter_map(|pair| between.get(pair)) {
            let callee = Callee::of(of_pair.iter().filter_map(|id| view.edges.get(id)));
            for id in of_pair {
                if let Some(edge) = view.edges.get_mut(id) {
                    callee.show(edge);
                    edges.insert(*id);
                }
            }
        }
        let nodes = health::settle_part(view, beside, &edges);
        Changed::Some { nodes, edges }
    }
}

fn rows(windows: &[TrafficWindow]) -> impl Iterator<Item = &TrafficRow> {
    windows.iter().flat_map(|window| &window.rows)
}

/// The row with this number, of all windows one after the other.
fn row(windows: &[TrafficWindow], number: u32) -> &TrafficRow {
    let mut number = number as usize;
    for window in windows {
        match window.rows.get(number) {
            Some(row) => return row,
            None => number -= window.rows.len(),
        }
    }
    unreachable!("rows are numbered by these windows");
}

/// Whether windows of the same length hold rows of the same keys in the same order: then they make the same nodes and
/// edges. Sources hand the same keys out again, so that mostly no label is compared.
fn same_rows(one: &[TrafficWindow], other: &[TrafficWindow]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.window == other.window
                && one.rows.len() == other.rows.len()
                && one
                    .rows
                    .iter()
                    .zip(&other.rows)
                    .all(|(one, other)| Arc::ptr_eq(&one.key, &other.key) || one.key == other.key)
        })
}

/// A view at one grain that follows the finest one.
#[derive(Debug)]
pub struct Follower {
    view: View,
    /// What each finest edge is part of, and the parts of each edge in order.
    became: ById<Id, Id>,
    parts: ById<Id, Vec<Id>>,
    beside: Beside,
}

impl Follower {
    /// The view of the finest one at this grain.
    pub fn new(finest: &View, grain: Grain) -> Self {
        let merged = quotient::merge(finest, grain);
        let mut parts: ById<Id, Vec<Id>> =
            ById::with_capacity_and_hasher(merged.view.edges.len(), Default::default());
        for (part, whole) in &merged.became {
            parts.entry(*whole).or_default().push(*part);
        }
        Self {
            beside: Beside::of(&merged.view),
            became: merged.became.into_iter().collect(),
            view: merged.view,
            parts,
        }
    }

    /// The view.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Follows the finest view through a refresh that changed so much of it, and tells what that changed here.
    pub fn follow(&mut self, finest: &View, changed: &Changed) -> ViewDelta {
        let grain = self.view.grain;
        match changed {
            Changed::All => {
                let new = Self::new(finest, grain);
                let delta = diff(&self.view, &new.view);
                *self = new;
                delta
            }
            Changed::Some { edges, .. } => {
                self.view.at = finest.at;
                self.merge(finest, edges)
            }
        }
    }

    /// Merges the edges anew of which these are parts.
    fn merge(&mut self, finest: &View, changed: &BTreeSet<Id>) -> ViewDelta {
        let view = &mut self.view;
        let wholes: BTreeSet<Id> = changed
            .iter()
            .filter_map(|id| self.became.get(id))
            .copied()
            .collect();
        let mut before = BTreeMap::new();
        for id in &wholes {
            let (Some(edge), Some(parts)) = (view.edges.get_mut(id), self.parts.get(id)) else {
                debug_assert!(false, "part of edge {id}, which is not there");
                continue;
            };
            let mut new = Edge::new(*id, edge.source, edge.target, edge.protocol);
            for part in parts.iter().filter_map(|id| finest.edges.get(id)) {
                quotient::merge_edge(&mut new, part);
            }
            before.insert(*id, std::mem::replace(edge, new));
        }
        let nodes = health::settle_part(view, &self.beside, &wholes);
        let mut delta = ViewDelta {
            grain: view.grain,
            at: view.at,
            window: view.window,
            nodes: Changes::default(),
            edges: Changes::default(),
            boxes: Changes::default(),
        };
        for (id, old) in before {
            let new = &view.edges[&id];
            if *new != old {
                delta.edges.set.insert(id, new.clone());
            }
        }
        delta.nodes.set = nodes
            .into_iter()
            .map(|id| (id, view.nodes[&id].clone()))
            .collect();
        delta
    }
}

#[cfg(test)]
mod tests;
