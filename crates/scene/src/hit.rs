//! What lies under the pointer.

use std::collections::HashMap;

use vigla_graph::Id;
use vigla_layout::{Layout, Point, Rect, curve};

use crate::Target;

/// Side of a cell.
const CELL: f32 = 200.0;
/// Straight pieces that stand for one curve.
const SAMPLES: u32 = 8;

/// Rectangles and lines by the cells that they touch.
#[derive(Debug, Clone, Default)]
pub(crate) struct HitIndex {
    nodes: Vec<(Target, Rect)>,
    /// Innermost first.
    boxes: Vec<(Target, Rect)>,
    edges: Vec<(Target, Rect)>,
    /// Straight pieces of edges, with the number of the edge.
    pieces: Vec<(usize, Point, Point)>,
    /// Nodes and pieces near a cell.
    cells: HashMap<(i32, i32), Cell>,
}

#[derive(Debug, Clone, Default)]
struct Cell {
    nodes: Vec<usize>,
    pieces: Vec<usize>,
}

impl HitIndex {
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut index = Self::default();
        for node in &layout.nodes {
            let at = index.nodes.len();
            index.nodes.push((Target::Node(Id(node.id)), node.rect));
            for cell in cells(&node.rect) {
                index.cells.entry(cell).or_default().nodes.push(at);
            }
        }
        for route in &layout.edges {
            index.add_edge(route);
        }
        index.boxes = layout
            .boxes
            .iter()
            .map(|placed| (Target::Box(Id(placed.id)), placed.rect))
            .collect();
        let area = |rect: &Rect| rect.width * rect.height;
        index.boxes.sort_by(|a, b| area(&a.1).total_cmp(&area(&b.1)));
        index
    }

    fn add_edge(&mut self, route: &vigla_layout::Route) {
        let edge = self.edges.len();
        let mut bounds: Option<Rect> = None;
        for cubic in curve(&route.points) {
            let steps = if cubic.is_line() { 1 } else { SAMPLES };
            let mut from = cubic.from;
            for step in 1..=steps {
                let to = cubic.at(step as f32 / steps as f32);
                let around = Rect::new(from.x, from.y, 0.0, 0.0).union(&Rect::new(to.x, to.y, 0.0, 0.0));
                bounds = Some(bounds.map_or(around, |bounds| bounds.union(&around)));
                for cell in cells(&around) {
                    self.cells.entry(cell).or_default().pieces.push(self.pieces.len());
                }
                self.pieces.push((edge, from, to));
                from = to;
            }
        }
        self.edges
            .push((Target::Edge(Id(route.id)), bounds.unwrap_or_default()));
    }

    /// The nearest node before the nearest edge before the innermost box.
    pub(crate) fn find(&self, at: Point, tolerance: f32) -> Option<Target> {
        let mut node: Option<(f32, Target)> = None;
        let mut edge: Option<(f32, Target)> = None;
        for cell in cells(&Rect::new(at.x, at.y, 0.0, 0.0).grown(tolerance)) {
            let Some(cell) = self.cells.get(&cell) else {
                continue;
            };
            for &(target, rect) in cell.nodes.iter().map(|&at| &self.nodes[at]) {
                take_nearer(&mut node, distance_to_rect(at, &rect), target, tolerance);
            }
            for &(number, from, to) in cell.pieces.iter().map(|&at| &self.pieces[at]) {
                take_nearer(
                    &mut edge,
                    distance_to_line(at, from, to),
                    self.edges[number].0,
                    tolerance,
                );
            }
        }
        // A node's tolerance must not hide the line that one points at right beside it.
        match (node, edge) {
            (Some((0.0, node)), _) => Some(node),
            (_, Some((_, edge))) => Some(edge),
            (Some((_, node)), None) => Some(node),
            (None, None) => self
                .boxes
                .iter()
                .find(|(_, rect)| rect.holds(at))
                .map(|(target, _)| *target),
        }
    }

    pub(crate) fn bounds_of(&self, target: Target) -> Option<Rect> {
        let list = match target {
            Target::Node(_) => &self.nodes,
            Target::Edge(_) => &self.edges,
            Target::Box(_) => &self.boxes,
        };
        list.iter()
            .find(|(known, _)| *known == target)
            .map(|(_, rect)| *rect)
    }
}

fn take_nearer(best: &mut Option<(f32, Target)>, distance: f32, target: Target, tolerance: f32) {
    if distance <= tolerance && best.is_none_or(|(nearest, _)| distance < nearest) {
        *best = Some((distance, target));
    }
}

fn cells(rect: &Rect) -> impl Iterator<Item = (i32, i32)> + use<> {
    let cell = |value: f32| (value / CELL).floor() as i32;
    let (left, right) = (cell(rect.x), cell(rect.right()));
    let (top, bottom) = (cell(rect.y), cell(rect.bottom()));
    (left..=right).flat_map(move |x| (top..=bottom).map(move |y| (x, y)))
}

fn distance_to_rect(at: Point, rect: &Rect) -> f32 {
    let nearest = Point::new(
        at.x.clamp(rect.x, rect.right()),
        at.y.clamp(rect.y, rect.bottom()),
    );
    at.distance(nearest)
}

fn distance_to_line(at: Point, from: Point, to: Point) -> f32 {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = dx * dx + dy * dy;
    let share = if length > 0.0 {
        (((at.x - from.x) * dx + (at.y - from.y) * dy) / length).clamp(0.0, 1.0)
    } else {
        0.0
    };
    at.distance(from.towards(to, share))
}
