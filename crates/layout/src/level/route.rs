//! From heights to a drawing: widths of columns and channels, and the ways of links.
//!
//! Lines pass columns level and change their height in the channels between columns only, where nothing stands.

use super::{
    Side,
    part::{Part, PartDrawing, Way},
};
use crate::{
    Point,
    sort::{by_key, height_key},
};

/// From the right side of a column to the first upright line of calls within the column.
const FLAT_LEAD: f32 = 12.0;
/// Between such lines.
const FLAT_STEP: f32 = 6.0;

/// Most free room that a pin makes above everything else.
const MOST_ROOM: f32 = 2000.0;

/// Left borders and widths of columns.
struct Columns {
    left: Vec<f32>,
    width: Vec<f32>,
    /// Room for calls within the column on its left and right: other lines are level there, so that they cross as few
    /// as they can.
    beside: Vec<[f32; 2]>,
    /// From the level's left border to where its right one may be.
    total: f32,
}

impl Columns {
    fn right(&self, column: usize) -> f32 {
        self.left[column] + self.width[column]
    }
}

/// Channels grow in steps, so that a line more seldom moves what is to the right of it.
fn in_steps(width: f32, step: f32) -> f32 {
    (width / step).ceil() * step
}

impl Part<'_> {
    /// Turns heights into places and ways.
    pub(super) fn route(mut self) -> PartDrawing {
        let top = (0..self.y.len())
            .map(|vertex| self.y[vertex] - self.half[vertex])
            .fold(f32::MAX, f32::min)
            .floor();
        let top = top - self.room_above_pins(top);
        self.y.iter_mut().for_each(|y| *y -= top);
        let height = (0..self.y.len())
            .map(|vertex| self.y[vertex] + self.half[vertex])
            .fold(0.0, f32::max)
            .ceil();
        let flat_lines = self.assign_flat_lines();
        let columns = self.measure_columns(&flat_lines);
        let places = self
            .members
            .iter()
            .enumerate()
            .map(|(vertex, &member)| {
                let x = match self.side(vertex) {
                    Some(Side::Left) => 0.0,
                    Some(Side::Right) => columns.total,
                    None => columns.left[self.column[vertex]],
                };
                let y = if self.item(vertex).is_some() {
                    self.y[vertex] - self.half[vertex]
                } else {
                    self.y[vertex]
                };
                (member, Point::new(x, y))
            })
            .collect();
        let routes = self
            .ways
            .iter()
            .zip(&flat_lines)
            .map(|(way, line)| {
                let mut points = match *line {
                    Some(line) => self.flat_route(way, &columns, line),
                    None => self.wave_route(way, &columns),
                };
                if self.spec.links[way.link].reversed {
                    points.reverse();
                }
                (way.link, points)
            })
            .collect();
        let lanes = self
            .ways
            .iter()
            .filter(|way| way.bends > 0)
            .map(|way| {
                let bends = &self.y[way.first_bend..way.first_bend + way.bends];
                (self.spec.links[way.link].key, bends.to_vec())
            })
            .collect();
        PartDrawing {
            has_ports: (0..self.members.len()).any(|vertex| self.side(vertex).is_some()),
            width: columns.total,
            height,
            places,
            routes,
            lanes,
            crossings: self.crossings,
        }
    }

    /// Free room at the top, so that the highest pinned item comes to where it was put.
    fn room_above_pins(&self, top: f32) -> f32 {
        let frame = self.spec.frame;
        let above = frame.header.max(frame.padding);
        let missing = |vertex: usize| Some(self.item(vertex)?.pin?.y - above - (self.y[vertex] - top));
        (0..self.members.len())
            .filter_map(missing)
            .reduce(f32::min)
            .map_or(0.0, |room| room.clamp(0.0, MOST_ROOM).round())
    }

    /// Upright lines of calls within a column: short ones near the column, and lines that do not meet share a place.
    fn assign_flat_lines(&self) -> Vec<Option<usize>> {
        let flat: Vec<(usize, [f32; 2])> = self
            .ways
            .iter()
            .enumerate()
            .filter(|(_, way)| way.is_flat(self))
            .map(|(at, way)| {
                let (from, to) = (
                    self.flat_end(way.from, true, way),
                    self.flat_end(way.to, false, way),
                );
                (at, [from.min(to), from.max(to)])
            })
            .collect();
        let order = by_key(flat.len(), |at| height_key(flat[at].1[1] - flat[at].1[0]));
        let mut lines: Vec<Option<usize>> = vec![None; self.ways.len()];
        let mut taken: Vec<Vec<Vec<[f32; 2]>>> = vec![Vec::new(); 2 * self.columns.len()];
        for (at, [low, high]) in order.into_iter().map(|at| flat[at as usize]) {
            let taken = &mut taken[self.beside(&self.ways[at])];
            let meets = |spans: &Vec<[f32; 2]>| spans.iter().any(|span| low <= span[1] && span[0] <= high);
            // Not within a shorter one that it holds: those lines would cross.
            let line = taken.iter().rposition(meets).map_or(0, |line| line + 1);
            if line == taken.len() {
                taken.push(Vec::new());
            }
            taken[line].push([low, high]);
            lines[at] = Some(line);
        }
        lines
    }

    /// The column and side of a call within a column, as one number.
    fn beside(&self, way: &Way) -> usize {
        let is_right = self.spec.links[way.link].flat == Side::Right;
        2 * self.column[way.from] + usize::from(is_right)
    }

    /// Height at which a call within a column leaves or enters a vertex.
    fn flat_end(&self, vertex: usize, is_caller: bool, way: &Way) -> f32 {
        let link = &self.spec.links[way.link];
        let tip = if is_caller { link.from } else { link.to };
        let offset = match self.item(vertex) {
            Some(item) if !item.is_box => (self.half[vertex] * 0.5).round(),
            _ => tip.offset,
        };
        self.y[vertex] + offset
    }

    fn measure_columns(&self, flat_lines: &[Option<usize>]) -> Columns {
        let count = self.columns.len();
        let mut width = vec![0f32; count];
        for vertex in 0..self.members.len() {
            if let Some(item) = self.item(vertex) {
                let column = self.column[vertex];
                width[column] = width[column].max(item.size.width);
            }
        }
        // The steepest line of a channel decides how much wider it is than usual.
        let mut climb = vec![0f32; count];
        for piece in &self.pieces {
            let (left, right) = (piece.left, piece.right);
            let rise = (self.y[left.vertex] + left.offset - self.y[right.vertex] - right.offset).abs();
            let channel = &mut climb[self.column[left.vertex]];
            *channel = channel.max(rise);
        }
        let mut flat = vec![0usize; 2 * count];
        for (way, line) in self.ways.iter().zip(flat_lines) {
            if let Some(line) = line {
                let lines = &mut flat[self.beside(way)];
                *lines = (*lines).max(line + 1);
            }
        }
        let padding = self.spec.frame.padding;
        let is_border = |column: usize| {
            let first = self.columns[column].first();
            first.is_some_and(|&vertex| self.side(vertex).is_some())
        };
        let room = |lines: usize| match lines {
            0 => 0.0,
            lines => FLAT_LEAD + FLAT_STEP * lines as f32,
        };
        let beside: Vec<[f32; 2]> = flat
            .chunks(2)
            .map(|flat| [room(flat[0]), room(flat[1])])
            .collect();
        // To the right of a column and to the left of the next.
        let flat_room =
            |column: usize| beside[column][1] + beside.get(column + 1).map_or(0.0, |next| next[0]);
        let mut left = vec![0f32; count];
        let mut x = if is_border(0) {
            0.0
        } else {
            padding.max(beside[0][0])
        };
        for column in 0..count {
            left[column] = x;
            x += width[column];
            if column + 1 == count {
                break;
            }
            x += if is_border(column) || is_border(column + 1) {
                // Level lines need no room beside the border, others need some to bend.
                let bend = if climb[column] > 1.0 {
                    (8.0 + 0.25 * climb[column]).min(48.0)
                } else {
                    0.0
                };
                padding + in_steps(bend + flat_room(column), 12.0)
            } else {
                let options = &self.spec.options;
                options.column_gap + in_steps((0.1 * climb[column]).min(48.0) + flat_room(column), 24.0)
            }
            .round();
        }
        let last = count - 1;
        let total = if is_border(last) {
            x
        } else {
            x + padding.max(flat_room(last))
        };
        Columns {
            left,
            width,
            beside,
            total,
        }
    }

    /// Right border of a vertex.
    fn right_of(&self, vertex: usize, columns: &Columns) -> f32 {
        let column = self.column[vertex];
        match self.item(vertex) {
            Some(item) => columns.left[column] + item.size.width,
            None => columns.right(column),
        }
    }

    fn wave_route(&self, way: &Way, columns: &Columns) -> Vec<Point> {
        let pieces = &self.pieces[way.first_piece..=way.first_piece + way.bends];
        let mut points = Vec::with_capacity(2 * way.bends + 3);
        for (at, piece) in pieces.iter().enumerate() {
            let (left, right) = (piece.left, piece.right);
            let y = self.y[left.vertex] + left.offset;
            if at == 0 {
                points.push(Point::new(self.right_of(left.vertex, columns), y));
            }
            let column = self.column[left.vertex];
            points.push(Point::new(columns.right(column) + columns.beside[column][1], y));
            let y = self.y[right.vertex] + right.offset;
            let column = self.column[right.vertex];
            points.push(Point::new(columns.left[column] - columns.beside[column][0], y));
            if at == way.bends {
                points.push(Point::new(columns.left[column], y));
            }
        }
        points
    }

    /// Out on one side, along the column, and back in.
    fn flat_route(&self, way: &Way, columns: &Columns, line: usize) -> Vec<Point> {
        let away = FLAT_LEAD + FLAT_STEP * line as f32;
        let column = self.column[way.from];
        let is_right = self.spec.links[way.link].flat == Side::Right;
        let x = if is_right {
            columns.right(column) + away
        } else {
            columns.left[column] - away
        };
        let border = |vertex: usize| {
            if is_right {
                self.right_of(vertex, columns)
            } else {
                columns.left[column]
            }
        };
        let from = self.flat_end(way.from, true, way);
        let to = self.flat_end(way.to, false, way);
        vec![
            Point::new(border(way.from), from),
            Point::new(x, from),
            Point::new(x, to),
            Point::new(border(way.to), to),
        ]
    }
}
