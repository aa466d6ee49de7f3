//! One level of a picture: items in columns, ports on the border, ways between them.
//!
//! A level is drawn with its own origin and knows nothing of other levels: boxes are items of known size, whose
//! links start at known heights. What is connected is one part; parts are drawn one by one ([`part`]) and packed.

mod crossings;
mod neighbours;
mod net;
mod order;
mod pack;
mod part;
mod place;
mod route;
mod spread;
mod swap;

use crate::{Options, Point, Size, sort};

/// Everything that decides how a level looks from scratch. Equal specs have equal drawings, so that a level whose
/// spec did not change is taken over as it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LevelSpec {
    /// Room around the content.
    pub(crate) frame: Frame,
    /// Nodes and boxes.
    pub(crate) items: Vec<Item>,
    /// Where links cross the level's border. Vertices of links are numbered: items, then ports.
    pub(crate) ports: Vec<Port>,
    /// Links between vertices.
    pub(crate) links: Vec<Link>,
    /// Distances and shape.
    pub(crate) options: Options,
}

/// Room around a level's content.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Frame {
    pub(crate) header: f32,
    pub(crate) padding: f32,
    pub(crate) min_width: f32,
}

/// A node or box in a level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Item {
    pub(crate) id: u64,
    pub(crate) size: Size,
    pub(crate) column: u32,
    pub(crate) is_box: bool,
    /// Where it was put by hand.
    pub(crate) pin: Option<Point>,
}

/// Where the links of one inner node leave a box on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Port {
    pub(crate) node: u64,
    pub(crate) side: Side,
    /// The edge that does not share its way; `None` for all others of the node.
    pub(crate) edge: Option<u64>,
}

/// A side of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    Left,
    Right,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// A way from a vertex to one in the same or a later column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Link {
    /// Names the link from picture to picture.
    pub(crate) key: u64,
    pub(crate) from: Tip,
    pub(crate) to: Tip,
    /// Whether the call goes from `to` to `from`.
    pub(crate) reversed: bool,
    /// On which side of its column it runs when both ends stand in one.
    pub(crate) flat: Side,
}

/// An end of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tip {
    pub(crate) vertex: usize,
    /// For boxes: height of the port below the middle of the box. Nodes spread their links themselves.
    pub(crate) offset: f32,
}

/// Where things stood before, and what lies beyond the border. Heights are of the page; only their differences count.
#[derive(Debug, Default)]
pub(crate) struct Hints {
    /// Middles of items, then of ports.
    pub(crate) heights: Vec<Option<f32>>,
    /// Bends of links.
    pub(crate) lanes: Lanes,
    /// How many edges the link of each port stands for. Not of the spec, so that one call more on a way that is there
    /// moves nothing.
    pub(crate) weights: Vec<u32>,
    /// For each port, heights of the far ends of its edges.
    pub(crate) far: Vec<Vec<f32>>,
    /// Size of the level on screen.
    pub(crate) room: Option<Size>,
    /// What to do with them.
    pub(crate) use_as: HintUse,
    /// Whether the drawing is only looked at for its shape and for where things about are.
    pub(crate) is_draft: bool,
}

/// Bends of links from column to column, by the links' keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lanes(Vec<(u64, Vec<f32>)>);

impl Lanes {
    fn new(lanes: Vec<(u64, Vec<f32>)>) -> Self {
        let order = sort::by_key(lanes.len(), |at| lanes[at].0);
        let mut lanes: Vec<Option<(u64, Vec<f32>)>> = lanes.into_iter().map(Some).collect();
        Self(
            order
                .into_iter()
                .filter_map(|at| lanes[at as usize].take())
                .collect(),
        )
    }

    fn find(&self, key: u64) -> Option<&[f32]> {
        let at = self.0.binary_search_by_key(&key, |lane| lane.0).ok()?;
        Some(&self.0[at].1)
    }

    /// All lanes so much further down.
    pub(crate) fn moved(&self, by: f32) -> Self {
        let moved = |lane: &[f32]| lane.iter().map(|height| height + by).collect();
        Self(self.0.iter().map(|(key, lane)| (*key, moved(lane))).collect())
    }
}

/// What hints are good for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum HintUse {
    /// Nothing was drawn before.
    #[default]
    Nothing,
    /// One more order to start from, and ports that turn to their far ends.
    Seed,
    /// What was on screen stays where it was as far as it can.
    Hold,
}

/// A drawn level, with its origin in its upper left corner.
#[derive(Debug, Clone, Default)]
pub(crate) struct LevelDrawing {
    pub(crate) size: Size,
    /// Upper left corners of items.
    pub(crate) items: Vec<Point>,
    /// Heights of ports.
    pub(crate) ports: Vec<f32>,
    /// Ways of links, in the direction of the call.
    pub(crate) routes: Vec<Vec<Point>>,
    /// Bends, as the next drawing wants them in [`Hints::lanes`].
    pub(crate) lanes: Lanes,
    /// Crossings within the level, each as often as edges cross there.
    pub(crate) crossings: u64,
}

impl LevelSpec {
    fn vertex_count(&self) -> usize {
        self.items.len() + self.ports.len()
    }

    fn port(&self, vertex: usize) -> Option<Port> {
        vertex.checked_sub(self.items.len()).map(|at| self.ports[at])
    }

    /// Draws the level.
    pub(crate) fn draw(&self, hints: &Hints) -> LevelDrawing {
        let mut drawing = LevelDrawing {
            items: vec![Point::default(); self.items.len()],
            ports: vec![0.0; self.ports.len()],
            routes: vec![Vec::new(); self.links.len()],
            ..LevelDrawing::default()
        };
        let (parts, local) = pack::split(self);
        let parts = parts
            .into_iter()
            .map(|members| part::Part::new(self, hints, members, &local).draw())
            .collect();
        pack::pack(self, hints, parts, &mut drawing);
        drawing
    }
}
