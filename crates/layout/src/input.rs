//! What is to be drawn, and the check that it can be.

use std::fmt;

use crate::{Point, Size, sort::Index};

/// A graph to draw. The order of the nodes breaks ties: what comes first stands higher where nothing else decides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    /// Cards.
    pub nodes: Vec<NodeSpec>,
    /// Boxes around nodes and other boxes.
    pub boxes: Vec<BoxSpec>,
    /// Calls between nodes.
    pub edges: Vec<EdgeSpec>,
    /// Distances and shape.
    pub options: Options,
}

/// A card.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeSpec {
    /// Identity; nodes and boxes share one space of ids.
    pub id: u64,
    /// Its size.
    pub size: Size,
    /// Innermost box that holds it.
    pub parent: Option<u64>,
    /// Where it was put by hand: its middle, from the upper left corner of its box, or of the page. It stands in the
    /// column that is nearest, at that height as far as its neighbours leave room.
    pub pin: Option<Point>,
}

/// A box; its size follows from what it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxSpec {
    /// Identity; nodes and boxes share one space of ids.
    pub id: u64,
    /// The box around it.
    pub parent: Option<u64>,
    /// Height of the strip at the top that its name takes.
    pub header: f32,
    /// Least distance between its border and what it holds.
    pub padding: f32,
    /// Least width, so that its name fits.
    pub min_width: f32,
}

/// A call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdgeSpec {
    /// Identity.
    pub id: u64,
    /// Node that calls.
    pub from: u64,
    /// Node that is called; may be `from`.
    pub to: u64,
    /// Room that its label needs.
    pub label: Option<Size>,
    /// Whether it leaves boxes through a port of its own. Others share one with all calls of their node on that side.
    pub own_way: bool,
}

/// Distances and shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Between nodes of one column.
    pub node_gap: f32,
    /// Between columns; wide enough for labels, whose own sizes move nothing.
    pub column_gap: f32,
    /// Between a line and a node, or two lines, that run side by side.
    pub lane_gap: f32,
    /// Wanted width : height of a drawing that can be folded.
    pub aspect: f32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            node_gap: 18.0,
            column_gap: 88.0,
            lane_gap: 10.0,
            aspect: 1.6,
        }
    }
}

/// Why an input cannot be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputError {
    /// Two nodes or boxes have the same id.
    Duplicate(u64),
    /// A parent is not one of the boxes.
    UnknownParent(u64),
    /// An edge's end is not one of the nodes.
    UnknownEnd(u64),
    /// A box is inside of itself.
    Circular(u64),
    /// A size or distance is negative, infinite or not a number.
    BadSize(u64),
    /// Boxes are nested deeper than [`MAX_DEPTH`].
    TooDeep(u64),
}

/// Deepest nesting of boxes; the map nests at most three.
pub const MAX_DEPTH: usize = 32;

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(id) => write!(f, "two nodes or boxes have the id {id:016x}"),
            Self::UnknownParent(id) => write!(f, "{id:016x} is in a box that is not there"),
            Self::UnknownEnd(id) => write!(f, "an end of edge {id:016x} is not there"),
            Self::Circular(id) => write!(f, "box {id:016x} is inside of itself"),
            Self::BadSize(id) => write!(f, "{id:016x} has a size that is not a finite number of pixels"),
            Self::TooDeep(id) => write!(f, "box {id:016x} is nested deeper than {MAX_DEPTH} boxes"),
        }
    }
}

impl std::error::Error for InputError {}

impl Input {
    /// Finds the first thing that cannot be drawn.
    pub fn check(&self) -> Result<(), InputError> {
        self.index().map(drop)
    }

    /// Places of nodes, then of boxes, by their ids, when everything can be drawn.
    pub(crate) fn index(&self) -> Result<Index, InputError> {
        let (nodes, boxes) = (&self.nodes, &self.boxes);
        let ids = nodes
            .iter()
            .map(|spec| spec.id)
            .chain(boxes.iter().map(|spec| spec.id));
        let index = Index::new(ids);
        if let Some(id) = index.find_duplicate() {
            return Err(InputError::Duplicate(id));
        }
        let find_box = |id: u64| Some(&boxes[index.find(id)?.checked_sub(nodes.len())?]);
        for spec in boxes {
            if ![spec.header, spec.padding, spec.min_width]
                .into_iter()
                .all(is_length)
            {
                return Err(InputError::BadSize(spec.id));
            }
            let mut next = spec.parent;
            for _ in 0..=MAX_DEPTH {
                let Some(id) = next else { break };
                if id == spec.id {
                    return Err(InputError::Circular(id));
                }
                next = find_box(id).ok_or(InputError::UnknownParent(spec.id))?.parent;
            }
            if next.is_some() {
                return Err(InputError::TooDeep(spec.id));
            }
        }
        for spec in nodes {
            if spec.parent.is_some_and(|parent| find_box(parent).is_none()) {
                return Err(InputError::UnknownParent(spec.id));
            }
            if !is_length(spec.size.width) || !is_length(spec.size.height) {
                return Err(InputError::BadSize(spec.id));
            }
            let is_place = |value: f32| is_length(value.abs());
            if spec.pin.is_some_and(|pin| !is_place(pin.x) || !is_place(pin.y)) {
                return Err(InputError::BadSize(spec.id));
            }
        }
        for edge in &self.edges {
            let is_node = |id: u64| index.find(id).is_some_and(|at| at < nodes.len());
            if !is_node(edge.from) || !is_node(edge.to) {
                return Err(InputError::UnknownEnd(edge.id));
            }
            if edge
                .label
                .is_some_and(|label| !is_length(label.width) || !is_length(label.height))
            {
                return Err(InputError::BadSize(edge.id));
            }
        }
        let Options {
            node_gap,
            column_gap,
            lane_gap,
            aspect,
        } = self.options;
        if ![node_gap, column_gap, lane_gap, aspect]
            .into_iter()
            .all(is_length)
            || aspect == 0.0
        {
            return Err(InputError::BadSize(0));
        }
        Ok(index)
    }
}

/// Lengths over a million pixels are refused: single precision would no longer keep things apart.
fn is_length(value: f32) -> bool {
    (0.0..=1_000_000.0).contains(&value)
}
