//! The order within columns: few crossings, by sweeps to the mean of the neighbours and by swaps.

use super::{
    HintUse,
    crossings::{inversions, saved_by_swap},
    neighbours::Neighbours,
    part::Part,
};

/// An order of all columns with the crossings that it has.
struct Best {
    columns: Vec<Vec<usize>>,
    crossings: u64,
}

/// Buffers that the search uses again and again.
#[derive(Default)]
struct Scratch {
    /// Pieces by the column where they start.
    by_column: Vec<Vec<usize>>,
    /// Whom a vertex calls, or is called by, in its own column.
    flat: Vec<Vec<usize>>,
    ends: Vec<(f32, f32)>,
    right: Vec<f32>,
    merge: Vec<f32>,
    keys: Vec<(f32, usize)>,
    sides: Vec<[Vec<f32>; 2]>,
}

impl Part<'_> {
    /// Orders all columns.
    pub(super) fn order(&mut self) {
        let near = Neighbours::both(self);
        let mut scratch = Scratch {
            by_column: vec![Vec::new(); self.columns.len()],
            flat: vec![Vec::new(); self.members.len()],
            ..Scratch::default()
        };
        for way in self.ways.iter().filter(|way| way.is_flat(self)) {
            scratch.flat[way.from].push(way.to);
            scratch.flat[way.to].push(way.from);
        }
        for (at, piece) in self.pieces.iter().enumerate() {
            scratch.by_column[self.column[piece.left.vertex]].push(at);
        }
        let holds = self.holds();
        let seeded = self.hints.use_as != HintUse::Nothing && self.was.iter().any(Option::is_some);
        // The larger the part, the fewer the starts: time is bounded, and large parts gain less from a good start.
        let starts = match self.column.len() {
            _ if holds => 1,
            0..=600 => 4,
            601..=3000 => 2,
            _ => 1,
        };
        let mut best: Option<Best> = None;
        for start in 0..starts {
            if seeded && start == 0 {
                self.order_as_before(&near);
            } else {
                self.order_by_search(&near, start);
            }
            self.fix_ports();
            self.set_ranks();
            self.improve(&near, holds, &mut best, &mut scratch);
        }
        if let Some(best) = best {
            self.columns = best.columns;
            self.set_ranks();
        }
    }

    /// Sweeps and swaps until nothing gets better for a while.
    fn improve(
        &mut self,
        near: &[Neighbours; 2],
        holds: bool,
        best: &mut Option<Best>,
        scratch: &mut Scratch,
    ) {
        const SWEEPS: usize = 24;
        const PATIENCE: usize = 6;
        let mut keep_if_better = |part: &Self, scratch: &mut Scratch| {
            let crossings = part.crossings(scratch);
            let better = best.as_ref().is_none_or(|best| crossings < best.crossings);
            if better {
                *best = Some(Best {
                    columns: part.columns.clone(),
                    crossings,
                });
            }
            (better, best.as_ref().is_some_and(|best| best.crossings == 0))
        };
        let (_, mut done) = keep_if_better(self, scratch);
        let mut idle = 0;
        // What is on screen is improved by swaps of neighbours only, so that nothing jumps.
        let sweeps = if holds { 4 } else { SWEEPS };
        for sweep in 0..sweeps {
            if done || idle == PATIENCE {
                break;
            }
            if !holds {
                self.sweep(near, sweep % 2 == 0, sweep % 4 >= 2, scratch);
            }
            let rounds = if holds || sweep + 4 >= sweeps { 4 } else { 1 };
            self.transpose(near, rounds, scratch);
            let (better, perfect) = keep_if_better(self, scratch);
            idle = if better { 0 } else { idle + 1 };
            done = perfect;
        }
    }

    /// Depth first along the links, from callers or from callees, forwards or backwards.
    fn order_by_search(&mut self, near: &[Neighbours; 2], start: usize) {
        let [left, right] = near;
        let (behind, ahead) = if start.is_multiple_of(2) {
            (left, right)
        } else {
            (right, left)
        };
        self.columns.iter_mut().for_each(Vec::clear);
        let count = self.column.len();
        let mut roots: Vec<usize> = (0..count)
            .filter(|&vertex| behind.of(vertex).is_empty())
            .collect();
        if start < 2 {
            roots.reverse();
        }
        // A part of cycles only has no root; the rest of the vertices is then searched from any of them.
        let mut stack: Vec<usize> = (0..count).rev().chain(roots).collect();
        let mut seen = vec![false; count];
        while let Some(vertex) = stack.pop() {
            if std::mem::replace(&mut seen[vertex], true) {
                continue;
            }
            self.columns[self.column[vertex]].push(vertex);
            let next = ahead.of(vertex).iter().chain(behind.of(vertex));
            stack.extend(next.rev().map(|next| next.vertex).filter(|&next| !seen[next]));
        }
    }

    /// By the heights of before; what is new stands at the mean of its neighbours.
    fn order_as_before(&mut self, near: &[Neighbours; 2]) {
        let mut heights = self.was.clone();
        // News spread along the links; chains longer than this are rare, and then stand at the end.
        for _ in 0..12 {
            let mut open = false;
            for vertex in 0..heights.len() {
                if heights[vertex].is_some() {
                    continue;
                }
                let (mut sum, mut count) = (0.0, 0.0);
                for next in near.iter().flat_map(|side| side.of(vertex)) {
                    if let Some(height) = heights[next.vertex] {
                        sum += height + next.far - next.near;
                        count += 1.0;
                    }
                }
                if count > 0.0 {
                    heights[vertex] = Some(sum / count);
                } else {
                    open = true;
                }
            }
            if !open {
                break;
            }
        }
        self.columns.iter_mut().for_each(Vec::clear);
        for (vertex, &column) in self.column.iter().enumerate() {
            self.columns[column].push(vertex);
        }
        for column in &mut self.columns {
            column.sort_by(|&a, &b| {
                let height = |vertex: usize| heights[vertex].unwrap_or(f32::MAX);
                height(a).total_cmp(&height(b))
            });
        }
    }

    /// Ports whose far ends are known stand in the order of those ends.
    fn fix_ports(&mut self) {
        for column in 0..self.columns.len() {
            if self.is_fixed(column) {
                let was = &self.was;
                self.columns[column]
                    .sort_by(|&a, &b| was[a].unwrap_or(f32::MAX).total_cmp(&was[b].unwrap_or(f32::MAX)));
            }
        }
    }

    /// Place in the column, with the place of the link on its vertex as fraction.
    pub(super) fn key(&self, vertex: usize, offset: f32) -> f32 {
        self.rank[vertex] as f32 + offset / (2.2 * self.half[vertex] + 1.0)
    }

    fn sweep(
        &mut self,
        near: &[Neighbours; 2],
        rightwards: bool,
        ties_reversed: bool,
        scratch: &mut Scratch,
    ) {
        let count = self.columns.len();
        for step in 0..count {
            let column = if rightwards { step } else { count - 1 - step };
            if self.is_fixed(column) {
                continue;
            }
            let keys = &mut scratch.keys;
            keys.clear();
            let mut any = false;
            for &vertex in &self.columns[column] {
                let (mut sum, mut weight) = (0.0, 0.0);
                for next in near[usize::from(!rightwards)].of(vertex) {
                    sum += self.key(next.vertex, next.far) - next.near / (2.2 * self.half[vertex] + 1.0);
                    weight += 1.0;
                }
                for &other in scratch.flat.get(vertex).into_iter().flatten() {
                    sum += self.rank[other] as f32;
                    weight += 1.0;
                }
                any |= weight > 0.0;
                let key = if weight > 0.0 {
                    sum / weight
                } else {
                    self.rank[vertex] as f32
                };
                keys.push((key, vertex));
            }
            if !any {
                continue;
            }
            if ties_reversed {
                keys.reverse();
            }
            keys.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (at, &(_, vertex)) in keys.iter().enumerate() {
                self.columns[column][at] = vertex;
                self.rank[vertex] = at;
            }
        }
    }

    /// Whether a vertex was on screen as a node or box; lines may go another way.
    fn stays(&self, vertex: usize) -> bool {
        self.was[vertex].is_some() && self.item(vertex).is_some()
    }

    /// Swaps neighbours while that removes crossings.
    fn transpose(&mut self, near: &[Neighbours; 2], rounds: usize, scratch: &mut Scratch) {
        let holds = self.holds();
        for column in 0..self.columns.len() {
            let count = self.columns[column].len();
            if count < 2 || self.is_fixed(column) {
                continue;
            }
            if scratch.sides.len() < count {
                scratch.sides.resize_with(count, Default::default);
            }
            let sides = &mut scratch.sides[..count];
            for (keys, &vertex) in sides.iter_mut().zip(&self.columns[column]) {
                for (keys, near) in keys.iter_mut().zip(near) {
                    keys.clear();
                    keys.extend(near.of(vertex).iter().map(|next| self.key(next.vertex, next.far)));
                    keys.sort_unstable_by(f32::total_cmp);
                }
            }
            for _ in 0..rounds {
                let mut moved = false;
                for at in 1..count {
                    if holds
                        && [at - 1, at]
                            .map(|at| self.columns[column][at])
                            .iter()
                            .all(|&v| self.stays(v))
                    {
                        continue;
                    }
                    let saved: i64 = (0..2)
                        .map(|side| saved_by_swap(&sides[at - 1][side], &sides[at][side]))
                        .sum();
                    if saved > 0 {
                        self.columns[column].swap(at - 1, at);
                        sides.swap(at - 1, at);
                        moved = true;
                    }
                }
                if !moved {
                    break;
                }
            }
            for (at, &vertex) in self.columns[column].iter().enumerate() {
                self.rank[vertex] = at;
            }
        }
    }

    fn crossings(&self, scratch: &mut Scratch) -> u64 {
        let mut sum = 0;
        for pieces in &scratch.by_column {
            if pieces.len() < 2 {
                continue;
            }
            scratch.ends.clear();
            scratch.ends.extend(pieces.iter().map(|&at| {
                let piece = &self.pieces[at];
                (
                    self.key(piece.left.vertex, piece.left.offset),
                    self.key(piece.right.vertex, piece.right.offset),
                )
            }));
            scratch
                .ends
                .sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            scratch.right.clear();
            scratch.right.extend(scratch.ends.iter().map(|ends| ends.1));
            sum += inversions(&mut scratch.right, &mut scratch.merge);
        }
        sum
    }
}
