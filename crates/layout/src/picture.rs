//! What was drawn.

use crate::{Point, Rect, Size, memory::Memory};

/// Places of everything. Lists are in order of ids.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Size of the whole picture, whose upper left corner is `origin`.
    pub size: Size,
    /// Upper left corner; moves when a refreshed picture grows to the left or up.
    pub origin: Point,
    /// Rectangles of nodes.
    pub nodes: Vec<Placed>,
    /// Rectangles of boxes.
    pub boxes: Vec<Placed>,
    /// Ways of edges.
    pub edges: Vec<Route>,
    /// What [`crate::relayout`] keeps in mind; not sent over the wire.
    pub(crate) memory: Memory,
}

/// A placed node or box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed {
    /// Identity.
    pub id: u64,
    /// Where it stands.
    pub rect: Rect,
}

/// The way of one edge.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Route {
    /// Identity.
    pub id: u64,
    /// From the border of the caller to the border of the callee. [`crate::curve`] tells how the line runs between
    /// two points.
    pub points: Vec<Point>,
    /// Middle of its label; `None` where no place is free.
    pub label: Option<Point>,
}

impl Route {
    /// Sum of the straight distances between its points.
    pub fn length(&self) -> f32 {
        length(&self.points)
    }
}

/// Sum of the straight distances between points.
pub(crate) fn length(points: &[Point]) -> f32 {
    points.windows(2).map(|pair| pair[0].distance(pair[1])).sum()
}

impl Layout {
    /// Finds a node's rectangle.
    pub fn find_node(&self, id: u64) -> Option<Rect> {
        find(&self.nodes, id)
    }

    /// Finds a box's rectangle.
    pub fn find_box(&self, id: u64) -> Option<Rect> {
        find(&self.boxes, id)
    }

    /// Finds an edge's way.
    pub fn find_edge(&self, id: u64) -> Option<&Route> {
        let at = self.edges.binary_search_by_key(&id, |route| route.id).ok()?;
        Some(&self.edges[at])
    }

    /// The whole picture.
    pub fn bounds(&self) -> Rect {
        Rect::new(self.origin.x, self.origin.y, self.size.width, self.size.height)
    }

    /// Whether both pictures show the same, whatever the engine remembers of them.
    pub fn same_picture(&self, other: &Self) -> bool {
        self.size == other.size
            && self.origin == other.origin
            && self.nodes == other.nodes
            && self.boxes == other.boxes
            && self.edges == other.edges
    }
}

fn find(placed: &[Placed], id: u64) -> Option<Rect> {
    let at = placed.binary_search_by_key(&id, |placed| placed.id).ok()?;
    Some(placed[at].rect)
}
