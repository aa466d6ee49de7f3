//! Walking over the map with the arrow keys: left and right along the calls, up and down among neighbours.

use vigla_graph::{Id, View};
use vigla_layout::Layout;
use vigla_scene::Target;

/// An arrow key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrow {
    /// To the caller.
    Left,
    /// To the callee.
    Right,
    /// To the neighbour above.
    Up,
    /// To the neighbour below.
    Down,
}

impl Arrow {
    /// The arrow of a key, as the browser names it.
    pub(crate) fn of_key(key: &str) -> Option<Self> {
        match key {
            "ArrowLeft" => Some(Self::Left),
            "ArrowRight" => Some(Self::Right),
            "ArrowUp" => Some(Self::Up),
            "ArrowDown" => Some(Self::Down),
            _ => None,
        }
    }
}

/// Where an arrow leads. From nowhere it leads to the first node; at an end it stays.
pub(crate) fn step(view: &View, layout: &Layout, from: Option<Target>, arrow: Arrow) -> Option<Target> {
    match from {
        Some(Target::Node(id)) if view.nodes.contains_key(&id) => Some(from_node(view, layout, id, arrow)),
        Some(Target::Edge(id)) if view.edges.contains_key(&id) => Some(from_edge(view, layout, id, arrow)),
        _ => first(layout),
    }
}

/// The node at the upper left, where reading starts.
fn first(layout: &Layout) -> Option<Target> {
    let first = layout
        .nodes
        .iter()
        .min_by(|a, b| (a.rect.x + a.rect.y).total_cmp(&(b.rect.x + b.rect.y)));
    first.map(|node| Target::Node(Id(node.id)))
}

fn from_node(view: &View, layout: &Layout, id: Id, arrow: Arrow) -> Target {
    let here = Target::Node(id);
    match arrow {
        Arrow::Left | Arrow::Right => {
            let calls = edges_of(view, layout, id, arrow == Arrow::Right);
            // The call in the middle of a fan is the shortest way to all others.
            calls
                .get(calls.len() / 2)
                .map_or(here, |edge| Target::Edge(*edge))
        }
        Arrow::Up | Arrow::Down => neighbour(layout, id, arrow == Arrow::Down).unwrap_or(here),
    }
}

fn from_edge(view: &View, layout: &Layout, id: Id, arrow: Arrow) -> Target {
    let edge = &view.edges[&id];
    match arrow {
        Arrow::Left => Target::Node(edge.source),
        Arrow::Right => Target::Node(edge.target),
        Arrow::Up | Arrow::Down => {
            // Among the calls of the same caller; with only one, among those to the same callee.
            let mut fan = edges_of(view, layout, edge.source, true);
            if fan.len() < 2 {
                fan = edges_of(view, layout, edge.target, false);
            }
            let at = fan.iter().position(|other| *other == id).unwrap_or(0);
            let next = if arrow == Arrow::Down {
                (at + 1).min(fan.len().saturating_sub(1))
            } else {
                at.saturating_sub(1)
            };
            Target::Edge(fan.get(next).copied().unwrap_or(id))
        }
    }
}

/// Calls of a node by the height of their far ends.
fn edges_of(view: &View, layout: &Layout, node: Id, outgoing: bool) -> Vec<Id> {
    let far = |edge: &vigla_graph::Edge| if outgoing { edge.target } else { edge.source };
    let near = |edge: &vigla_graph::Edge| if outgoing { edge.source } else { edge.target };
    let height = |id: Id| layout.find_node(id.0).map_or(0.0, |rect| rect.middle().y);
    let mut edges: Vec<_> = view.edges.values().filter(|edge| near(edge) == node).collect();
    edges.sort_by(|a, b| height(far(a)).total_cmp(&height(far(b))).then(a.id.cmp(&b.id)));
    edges.into_iter().map(|edge| edge.id).collect()
}

/// The nearest node above or below; sideways distance counts three times, so a column is followed first.
fn neighbour(layout: &Layout, id: Id, down: bool) -> Option<Target> {
    let here = layout.find_node(id.0)?.middle();
    let sign = if down { 1.0 } else { -1.0 };
    let reach = |rect: vigla_layout::Rect| {
        let (dx, dy) = (rect.middle().x - here.x, (rect.middle().y - here.y) * sign);
        (dy > 1.0).then(|| dy + 3.0 * dx.abs())
    };
    let near = layout
        .nodes
        .iter()
        .filter_map(|node| Some((reach(node.rect)?, node.id)));
    near.min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, id)| Target::Node(Id(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigla_api::{Edge, Graph, Node, convert::read_graph};
    use vigla_layout::{Placed, Rect};

    /// One caller on the left, three callees in a column on the right.
    fn fan() -> (View, Layout) {
        let id = |n: u64| format!("{n:016x}");
        let node = |n| Node {
            id: id(n),
            kind: "workload".into(),
            health: health(),
            ..Node::default()
        };
        let edge = |n, to| Edge {
            id: id(n),
            source: id(1),
            target: id(to),
            protocol: "http".into(),
            health: health(),
            ..Edge::default()
        };
        let graph = Graph {
            at: "2026-11-23T14:32:00Z".into(),
            window_seconds: 60.0,
            view: "workload".into(),
            nodes: [1, 2, 3, 4].map(node).into(),
            edges: vec![edge(12, 2), edge(13, 3), edge(14, 4)],
            ..Graph::default()
        };
        let place = |n: u64, x, y| Placed {
            id: n,
            rect: Rect::new(x, y, 100.0, 40.0),
        };
        let mut layout = Layout::default();
        layout.nodes.extend([
            place(1, 0.0, 100.0),
            place(2, 300.0, 0.0),
            place(3, 300.0, 100.0),
            place(4, 300.0, 200.0),
        ]);
        (read_graph(&graph).unwrap(), layout)
    }

    fn health() -> vigla_api::Health {
        vigla_api::Health {
            state: "ok".into(),
            why: vec![],
        }
    }

    #[test]
    fn arrows_go_along_the_calls_and_among_siblings() {
        let (view, layout) = fan();
        let (node, edge) = (|n| Some(Target::Node(Id(n))), |n| Some(Target::Edge(Id(n))));
        let steps = [
            (None, Arrow::Right, node(1)),
            (node(1), Arrow::Right, edge(13)),
            (edge(13), Arrow::Down, edge(14)),
            (edge(14), Arrow::Down, edge(14)),
            (edge(13), Arrow::Up, edge(12)),
            (edge(12), Arrow::Right, node(2)),
            (node(2), Arrow::Down, node(3)),
            (node(4), Arrow::Down, node(4)),
            (node(4), Arrow::Left, edge(14)),
            (edge(14), Arrow::Left, node(1)),
            (node(99), Arrow::Left, node(1)),
        ];
        for (from, arrow, to) in steps {
            assert_eq!(step(&view, &layout, from, arrow), to, "{from:?} {arrow:?}");
        }
    }
}
