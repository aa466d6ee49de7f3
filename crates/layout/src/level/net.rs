//! What the search for a good order works on: vertices in columns, who is joined to whom, and what crosses whom.
//!
//! Beyond a border with ports stands one more column: the far ends of the edges that leave there, in the order in which
//! they lie on the page. It stays as it is, and so turns the ports to where their edges go, as far as that costs no more
//! crossings within the box than it saves outside.

use super::{
    HintUse, Side,
    crossings::{End, inversions, sort_ends},
    part::Part,
};
use crate::sort::{by_key, height_key};

pub(super) struct Net {
    /// Vertices of each column in their order.
    pub(super) columns: Vec<Vec<u32>>,
    /// Place of each vertex in that order.
    pub(super) rank: Vec<u32>,
    /// Column of each vertex.
    pub(super) column: Vec<u32>,
    /// Columns whose order stays as it is.
    pub(super) fixed: Vec<bool>,
    /// Whether a vertex was on screen as node or box and is to stay; lines may go another way.
    pub(super) stays: Vec<bool>,
    /// Neighbours to the left and to the right.
    pub(super) near: [Near; 2],
    /// Calls of a vertex within its column. Empty where there are none.
    pub(super) flat: Vec<Vec<Flat>>,
    /// Edges that leave a vertex to the left and to the right: the upright lines of calls within the column cross them.
    pub(super) load: Vec<[u32; 2]>,
    /// Columns of far ends to the left and to the right.
    beyond: [bool; 2],
    ends: Vec<End>,
    merge: Vec<End>,
}

/// A call within a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flat {
    pub(super) other: u32,
    /// How many edges it stands for.
    pub(super) weight: u32,
    /// Whether it runs on the left (0) or the right (1) of the column.
    pub(super) side: usize,
    /// Where it starts on this vertex, as part of a place in the order.
    pub(super) near: f32,
    /// Where it ends on the other.
    pub(super) far: f32,
    /// Edges that leave this vertex on the same side above and below it.
    pub(super) beside: [u32; 2],
}

impl Flat {
    /// Edges of its own vertex that it crosses when it goes down or up from there.
    pub(super) fn own_crossings(&self, goes_down: bool) -> u64 {
        u64::from(self.weight) * u64::from(self.beside[usize::from(goes_down)])
    }
}

/// Whether calls with these ends, beside one column, cross each other: one starts within the other and ends outside.
pub(super) fn interleave(a: [f32; 2], b: [f32; 2]) -> bool {
    let (a, b) = ([a[0].min(a[1]), a[0].max(a[1])], [b[0].min(b[1]), b[0].max(b[1])]);
    (a[0] < b[0] && b[0] < a[1] && a[1] < b[1]) || (b[0] < a[0] && a[0] < b[1] && b[1] < a[1])
}

/// Neighbours of every vertex on one side, in one array.
pub(super) struct Near {
    start: Vec<u32>,
    entries: Vec<Joined>,
}

/// A neighbour.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Joined {
    pub(super) vertex: u32,
    /// Where the line starts on this vertex, as part of a place in the order.
    pub(super) near: f32,
    /// Where it ends on the neighbour.
    pub(super) far: f32,
    /// How many edges it stands for.
    pub(super) weight: u32,
}

impl Near {
    pub(super) fn of(&self, vertex: u32) -> &[Joined] {
        let vertex = vertex as usize;
        &self.entries[self.start[vertex] as usize..self.start[vertex + 1] as usize]
    }

    fn new(count: usize, links: &[(u32, Joined)]) -> Self {
        let mut start = vec![0; count + 1];
        for (vertex, _) in links {
            start[*vertex as usize + 1] += 1;
        }
        for at in 0..count {
            start[at + 1] += start[at];
        }
        let mut entries = vec![Joined::default(); links.len()];
        let mut next = start.clone();
        // In the order of where lines start, so that lines of one place follow each other.
        for at in by_key(links.len(), |at| height_key(links[at].1.near)) {
            let (vertex, joined) = links[at as usize];
            let next = &mut next[vertex as usize];
            entries[*next as usize] = joined;
            *next += 1;
        }
        Self { start, entries }
    }
}

impl Net {
    pub(super) fn new(part: &Part<'_>) -> Self {
        let far = far_ends(part);
        let beyond = [Side::Left, Side::Right].map(|side| {
            far.iter()
                .any(|&(port, _)| part.side(port as usize) == Some(side))
        });
        let first = u32::from(beyond[0]);
        let last = first + part.columns.len() as u32;
        let mut column: Vec<u32> = part.column.iter().map(|&column| first + column as u32).collect();
        let vertices = column.len();
        let mut links: [Vec<(u32, Joined)>; 2] = Default::default();
        let mut join = |left: (u32, f32), right: (u32, f32), weight: u32| {
            let joined = |(vertex, far): (u32, f32), near: f32| Joined {
                vertex,
                near,
                far,
                weight,
            };
            links[0].push((right.0, joined(left, right.1)));
            links[1].push((left.0, joined(right, left.1)));
        };
        for piece in &part.pieces {
            let end =
                |joint: super::part::Joint| (joint.vertex as u32, part.fraction(joint.vertex, joint.offset));
            join(end(piece.left), end(piece.right), piece.weight);
        }
        for &(port, _) in &far {
            let end = (column.len() as u32, 0.0);
            if part.side(port as usize) == Some(Side::Left) {
                column.push(0);
                join(end, (port, 0.0), 1);
            } else {
                column.push(last);
                join((port, 0.0), end, 1);
            }
        }
        let mut columns = vec![Vec::new(); last as usize + usize::from(beyond[1])];
        for vertex in vertices..column.len() {
            columns[column[vertex] as usize].push(vertex as u32);
        }
        let count = column.len();
        let near = links.map(|links| Near::new(count, &links));
        let flat = flat_calls(part, &near, count);
        let load = (0..count as u32)
            .map(|vertex| {
                [0, 1].map(|side: usize| near[side].of(vertex).iter().map(|joined| joined.weight).sum())
            })
            .collect();
        let stays = (0..count)
            .map(|vertex| vertex < vertices && part.was[vertex].is_some() && part.item(vertex).is_some())
            .collect();
        let mut net = Self {
            fixed: vec![false; columns.len()],
            columns,
            rank: vec![0; count],
            column,
            stays,
            near,
            flat,
            load,
            beyond,
            ends: Vec::new(),
            merge: Vec::new(),
        };
        net.fix(part);
        net
    }

    /// Far ends stay; so do ports that are on screen.
    fn fix(&mut self, part: &Part<'_>) {
        let last = self.fixed.len() - 1;
        if self.beyond[0] {
            self.fixed[0] = true;
        }
        if self.beyond[1] {
            self.fixed[last] = true;
        }
        if part.hints.use_as == HintUse::Hold {
            for vertex in 0..part.members.len() {
                if part.side(vertex).is_some() && part.was[vertex].is_some() {
                    self.fixed[self.column[vertex] as usize] = true;
                }
            }
        }
    }

    /// Columns of the part itself.
    pub(super) fn own(&self) -> std::ops::Range<usize> {
        usize::from(self.beyond[0])..self.columns.len() - usize::from(self.beyond[1])
    }

    /// Vertices of the part itself.
    pub(super) fn own_count(&self) -> u32 {
        let beyond = |column: usize| self.columns[column].len();
        let mut count = self.column.len();
        if self.beyond[0] {
            count -= beyond(0);
        }
        if self.beyond[1] {
            count -= beyond(self.columns.len() - 1);
        }
        count as u32
    }

    pub(super) fn set_ranks(&mut self) {
        for column in 0..self.columns.len() {
            self.set_ranks_of(column);
        }
    }

    pub(super) fn set_ranks_of(&mut self, column: usize) {
        for (at, &vertex) in self.columns[column].iter().enumerate() {
            self.rank[vertex as usize] = at as u32;
        }
    }

    /// Place in the column, with the place of the line on its vertex as fraction.
    pub(super) fn key(&self, vertex: u32, fraction: f32) -> f32 {
        self.rank[vertex as usize] as f32 + fraction
    }

    /// All that the search wants to be rid of: crossings in the part, of its calls within a column, and beyond its ports.
    pub(super) fn cost(&mut self) -> u64 {
        self.crossings(0..self.columns.len())
    }

    /// Crossings between columns, and of calls within them.
    pub(super) fn crossings(&mut self, columns: std::ops::Range<usize>) -> u64 {
        let mut sum = 0;
        for column in columns.clone() {
            if column + 1 < columns.end {
                sum += self.channel(column);
            }
            if !self.flat.is_empty() {
                sum += self.flat_crossings(column);
            }
        }
        sum
    }

    /// Crossings between a column and the next.
    fn channel(&mut self, column: usize) -> u64 {
        let mut ends = std::mem::take(&mut self.ends);
        ends.clear();
        for &vertex in &self.columns[column] {
            let joined = self.near[1].of(vertex);
            let mut start = ends.len();
            for (at, joint) in joined.iter().enumerate() {
                if at > 0 && joined[at - 1].near < joint.near {
                    // Lines from one place do not cross each other.
                    sort_ends(&mut ends[start..]);
                    start = ends.len();
                }
                ends.push((self.key(joint.vertex, joint.far), joint.weight));
            }
            sort_ends(&mut ends[start..]);
        }
        let sum = inversions(&mut ends, &mut self.merge);
        self.ends = ends;
        sum
    }

    /// Calls within a column run upright beside it: they cross what leaves there from the vertices between, and each
    /// other when one starts within the other and ends outside of it.
    fn flat_crossings(&self, column: usize) -> u64 {
        let order = &self.columns[column];
        let mut before = Vec::with_capacity(order.len() + 1);
        let mut load = [0u64; 2];
        let mut calls: Vec<([f32; 2], Flat)> = Vec::new();
        let mut sum = 0;
        for (at, &vertex) in order.iter().enumerate() {
            before.push(load);
            for (load, own) in load.iter_mut().zip(self.load[vertex as usize]) {
                *load += u64::from(own);
            }
            for flat in &self.flat[vertex as usize] {
                let to = self.rank[flat.other as usize] as usize;
                sum += flat.own_crossings(to > at);
                if to < at {
                    let between = before[at][flat.side] - before[to + 1][flat.side];
                    sum += u64::from(flat.weight) * between;
                    calls.push(([at as f32 + flat.near, to as f32 + flat.far], *flat));
                }
            }
        }
        for (at, (ends, flat)) in calls.iter().enumerate() {
            for (others, other) in &calls[at + 1..] {
                if flat.side == other.side && interleave(*ends, *others) {
                    sum += u64::from(flat.weight) * u64::from(other.weight);
                }
            }
        }
        sum
    }
}

/// Calls within columns, by their vertices; empty when there are none.
fn flat_calls(part: &Part<'_>, near: &[Near; 2], count: usize) -> Vec<Vec<Flat>> {
    let mut flat = Vec::new();
    for way in part.ways.iter().filter(|way| way.is_flat(part)) {
        flat.resize(count, Vec::new());
        let link = &part.spec.links[way.link];
        let side = usize::from(link.flat == Side::Right);
        let weight = part.weight(way.link);
        let ends = [(way.from, link.from.offset), (way.to, link.to.offset)]
            .map(|(vertex, offset)| (vertex as u32, part.fraction(vertex, offset)));
        for ((vertex, own), (other, far)) in [(ends[0], ends[1]), (ends[1], ends[0])] {
            let lines = near[side].of(vertex);
            let sum = |is_beside: &dyn Fn(f32) -> bool| {
                let beside = lines.iter().filter(|line| is_beside(line.near));
                beside.map(|line| line.weight).sum()
            };
            flat[vertex as usize].push(Flat {
                other,
                weight,
                side,
                near: own,
                far,
                beside: [sum(&|near| near < own), sum(&|near| near > own)],
            });
        }
    }
    flat
}

/// Ports with the height of a far end, in the order of heights.
fn far_ends(part: &Part<'_>) -> Vec<(u32, f32)> {
    if part.hints.use_as != HintUse::Seed {
        return Vec::new();
    }
    let items = part.spec.items.len();
    let mut ends: Vec<(u32, f32)> = Vec::new();
    for (vertex, member) in part.members.iter().enumerate() {
        let port = member.checked_sub(items);
        let heights = port.and_then(|port| part.hints.far.get(port));
        ends.extend(
            heights
                .into_iter()
                .flatten()
                .map(|&height| (vertex as u32, height)),
        );
    }
    let order = by_key(ends.len(), |at| height_key(ends[at].1));
    order.into_iter().map(|at| ends[at as usize]).collect()
}
