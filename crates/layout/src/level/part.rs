//! One connected part of a level: its vertices in columns, with a bend wherever a link passes a column.

use super::{HintUse, Hints, LevelSpec, Side};
use crate::{Point, Size};

/// What a part leaves. Its origin is the level's left border at the height of the part's highest vertex.
pub(super) struct PartDrawing {
    /// Whether links of this part reach the level's border.
    pub(super) has_ports: bool,
    /// From the level's left border to where its right one may be.
    pub(super) width: f32,
    pub(super) height: f32,
    /// Upper left corners of items, middles of ports, by vertex of the level.
    pub(super) places: Vec<(usize, Point)>,
    /// Ways by link of the level.
    pub(super) routes: Vec<(usize, Vec<Point>)>,
    /// Bends by key of the link.
    pub(super) lanes: Vec<(u64, Vec<f32>)>,
    /// Crossings within the part.
    pub(super) crossings: u64,
}

/// Vertices and links of a part.
pub(super) struct Members {
    pub(super) vertices: Vec<usize>,
    pub(super) links: Vec<usize>,
}

pub(super) struct Part<'a> {
    pub(super) spec: &'a LevelSpec,
    pub(super) hints: &'a Hints,
    /// Vertices of the level; bends come after them.
    pub(super) members: Vec<usize>,
    /// Column of each vertex, without gaps.
    pub(super) column: Vec<usize>,
    /// Half of the height of each vertex.
    pub(super) half: Vec<f32>,
    /// Where a vertex stood before.
    pub(super) was: Vec<Option<f32>>,
    /// Links, cut at their bends.
    pub(super) pieces: Vec<Piece>,
    pub(super) ways: Vec<Way>,
    /// Order within each column.
    pub(super) columns: Vec<Vec<usize>>,
    /// Place of each vertex in that order.
    pub(super) rank: Vec<usize>,
    /// Middles.
    pub(super) y: Vec<f32>,
    /// Crossings in that order.
    pub(super) crossings: u64,
}

/// A stretch of a link between neighbouring columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) left: Joint,
    pub(super) right: Joint,
    /// How much it wants to be level.
    pub(super) pull: f32,
    /// How many edges it stands for.
    pub(super) weight: u32,
}

/// An end of a piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joint {
    pub(super) vertex: usize,
    /// Below the middle of the vertex.
    pub(super) offset: f32,
}

/// The way of one link.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// Link of the level.
    pub(super) link: usize,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) first_piece: usize,
    /// First bend; `bends` follow in order of their columns.
    pub(super) first_bend: usize,
    pub(super) bends: usize,
}

impl Way {
    /// Both ends stand in one column.
    pub(super) fn is_flat(&self, part: &Part<'_>) -> bool {
        part.column[self.from] == part.column[self.to]
    }
}

/// Half of the height that a line takes.
const LINE: f32 = 1.0;

impl<'a> Part<'a> {
    /// `local` is the place of each vertex of the level in its part.
    pub(super) fn new(spec: &'a LevelSpec, hints: &'a Hints, part: Members, local: &[usize]) -> Self {
        let members = part.vertices;
        let column = compact_columns(spec, &members);
        let half = members
            .iter()
            .map(|&vertex| spec.items.get(vertex).map_or(LINE, |item| item.size.height / 2.0))
            .collect();
        let was = members
            .iter()
            .map(|&vertex| hints.heights.get(vertex).copied().flatten())
            .collect();
        let mut result = Self {
            spec,
            hints,
            members,
            column,
            half,
            was,
            pieces: Vec::new(),
            ways: Vec::with_capacity(part.links.len()),
            columns: Vec::new(),
            rank: Vec::new(),
            y: Vec::new(),
            crossings: 0,
        };
        for &link in &part.links {
            let spec = &spec.links[link];
            result.add_way(link, local[spec.from.vertex], local[spec.to.vertex]);
        }
        let last = result.column.iter().copied().max().unwrap_or(0);
        result.columns = vec![Vec::new(); last + 1];
        result.rank = vec![0; result.column.len()];
        result.y = vec![0.0; result.column.len()];
        result
    }

    /// Cuts a link into pieces with a bend in every column that it passes.
    fn add_way(&mut self, link: usize, from: usize, to: usize) {
        /// Bends want to be level most, so that lines pass columns straight.
        const PULLS: [f32; 3] = [1.0, 2.0, 8.0];
        let spec = &self.spec.links[link];
        let bends = (self.column[to] - self.column[from]).saturating_sub(1);
        let way = Way {
            link,
            from,
            to,
            first_piece: self.pieces.len(),
            first_bend: self.column.len(),
            bends,
        };
        self.ways.push(way);
        if way.is_flat(self) {
            return;
        }
        let lane = self.hints.lanes.find(spec.key).filter(|lane| lane.len() == bends);
        let weight = self.weight(link);
        let mut left = Joint {
            vertex: from,
            offset: spec.from.offset,
        };
        for at in 0..bends {
            let vertex = self.column.len();
            self.column.push(self.column[from] + 1 + at);
            self.half.push(LINE);
            self.was.push(lane.map(|lane| lane[at]));
            let right = Joint { vertex, offset: 0.0 };
            let pull = PULLS[if at == 0 { 1 } else { 2 }];
            self.pieces.push(Piece {
                left,
                right,
                pull,
                weight,
            });
            left = right;
        }
        let right = Joint {
            vertex: to,
            offset: spec.to.offset,
        };
        let pull = PULLS[usize::from(bends > 0)];
        self.pieces.push(Piece {
            left,
            right,
            pull,
            weight,
        });
    }

    /// How many edges a link of the level stands for.
    pub(super) fn weight(&self, link: usize) -> u32 {
        self.hints.weights.get(link).copied().unwrap_or(1)
    }

    /// The item behind a vertex; `None` for ports and bends.
    pub(super) fn item(&self, vertex: usize) -> Option<&super::Item> {
        self.spec.items.get(*self.members.get(vertex)?)
    }

    /// The side of a border port.
    pub(super) fn side(&self, vertex: usize) -> Option<Side> {
        self.spec.port(*self.members.get(vertex)?).map(|port| port.side)
    }

    /// Whether items of the level are kept where they were.
    pub(super) fn holds(&self) -> bool {
        self.hints.use_as == HintUse::Hold && self.was.iter().any(Option::is_some)
    }

    /// Writes down where each vertex stands in its column.
    pub(super) fn set_ranks(&mut self) {
        for column in &self.columns {
            for (at, &vertex) in column.iter().enumerate() {
                self.rank[vertex] = at;
            }
        }
    }

    pub(super) fn draw(mut self) -> PartDrawing {
        if self.members.len() == 1
            && let Some(item) = self.item(0)
        {
            let Size { width, height } = item.size;
            let padding = self.spec.frame.padding;
            return PartDrawing {
                has_ports: false,
                width: width + 2.0 * padding,
                height,
                places: vec![(self.members[0], Point::new(padding, 0.0))],
                routes: self.ways.iter().map(|way| (way.link, Vec::new())).collect(),
                lanes: Vec::new(),
                crossings: 0,
            };
        }
        self.order();
        self.spread_links();
        self.place();
        self.route()
    }
}

/// Columns counted from 0 without those that no vertex of the part uses; ports outside of them.
fn compact_columns(spec: &LevelSpec, members: &[usize]) -> Vec<usize> {
    let columns = || {
        let items = members.iter().filter_map(|&vertex| spec.items.get(vertex));
        items.map(|item| item.column)
    };
    let last = columns().max().map_or(0, |last| last as usize + 1);
    // Number of used columns up to each.
    let mut used = vec![0; last + 1];
    columns().for_each(|column| used[column as usize + 1] = 1);
    for column in 0..last {
        used[column + 1] += used[column];
    }
    let has_left = members
        .iter()
        .any(|&vertex| spec.port(vertex).is_some_and(|port| port.side == Side::Left));
    let first = usize::from(has_left);
    members
        .iter()
        .map(|&vertex| match spec.port(vertex) {
            Some(port) if port.side == Side::Left => 0,
            Some(_) => first + used[last],
            None => first + used[spec.items[vertex].column as usize],
        })
        .collect()
}
