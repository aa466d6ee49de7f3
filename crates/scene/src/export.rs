//! The map for other programs: rows (CSV) and graph languages (DOT, Mermaid). Pictures are made by [`crate::to_svg`].

mod csv;
mod dot;
mod mermaid;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use vigla_graph::{Edge, GroupBox, Id, Node, View};

use crate::{EdgeLabel, reading};

pub use csv::to_csv;
pub use dot::to_dot;
pub use mermaid::to_mermaid;

/// Nodes and boxes by the box that holds them.
struct Nesting<'a> {
    nodes: BTreeMap<Option<Id>, Vec<&'a Node>>,
    boxes: BTreeMap<Option<Id>, Vec<&'a GroupBox>>,
}

impl<'a> Nesting<'a> {
    fn of(view: &'a View) -> Self {
        let mut nesting = Self {
            nodes: BTreeMap::new(),
            boxes: BTreeMap::new(),
        };
        for node in view.nodes.values() {
            nesting.nodes.entry(node.parent).or_default().push(node);
        }
        for group in view.boxes.values() {
            nesting.boxes.entry(group.parent).or_default().push(group);
        }
        for nodes in nesting.nodes.values_mut() {
            nodes.sort_by_cached_key(|node| (reading::name(node), node.id));
        }
        for boxes in nesting.boxes.values_mut() {
            boxes.sort_by_key(|group| (&group.name, group.id));
        }
        nesting
    }

    fn nodes(&self, parent: Option<Id>) -> impl Iterator<Item = &'a Node> + use<'a, '_> {
        self.nodes.get(&parent).into_iter().flatten().copied()
    }

    fn boxes(&self, parent: Option<Id>) -> impl Iterator<Item = &'a GroupBox> + use<'a, '_> {
        self.boxes.get(&parent).into_iter().flatten().copied()
    }
}

/// Edges by the names of their ends, so that two exports of one mesh can be compared line by line.
fn sorted(view: &View) -> Vec<&Edge> {
    let mut edges: Vec<&Edge> = view.edges.values().collect();
    edges.sort_by_cached_key(|edge| {
        let name = |id: &Id| view.nodes.get(id).map(reading::name);
        (name(&edge.source), name(&edge.target), edge.protocol, edge.id)
    });
    edges
}

/// `48.1/s · 10.1 % failed`, `refused`; `None` where there is nothing to say.
fn edge_text(edge: &Edge, view: &View) -> Option<String> {
    let rate = reading::label(edge, view, EdgeLabel::Rate);
    let alarm = match reading::failed(edge) {
        _ if edge.refused > 0.0 => Some("refused".to_owned()),
        Some(share) => Some(format!("{} failed", crate::format::share(share))),
        None => None,
    };
    let parts: Vec<String> = rate.into_iter().chain(alarm).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}
