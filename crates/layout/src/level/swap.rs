//! Better orders by moving single vertices: swaps of neighbours, and sifting, which tries every place of a column.

use super::{
    crossings::{End, saved_by_swap, sort_ends},
    net::{Flat, Net, interleave},
};

/// The lines of a column's vertices to both sides, by the places of the vertices; their far ends do not move while the
/// column is worked on.
#[derive(Default)]
pub(super) struct Lines {
    ends: Vec<End>,
    /// Start, start of those to the right, end.
    spans: Vec<[u32; 3]>,
}

impl Lines {
    fn load(&mut self, net: &Net, column: usize) {
        self.ends.clear();
        self.spans.clear();
        for &vertex in &net.columns[column] {
            let mut bounds = [self.ends.len() as u32; 3];
            for (side, near) in net.near.iter().enumerate() {
                let start = self.ends.len();
                let joined = near.of(vertex).iter();
                self.ends
                    .extend(joined.map(|joined| (net.key(joined.vertex, joined.far), joined.weight)));
                sort_ends(&mut self.ends[start..]);
                bounds[side + 1] = self.ends.len() as u32;
            }
            self.spans.push(bounds);
        }
    }

    fn of(&self, at: usize, side: usize) -> &[End] {
        let bounds = &self.spans[at];
        &self.ends[bounds[side] as usize..bounds[side + 1] as usize]
    }
}

impl Net {
    /// Crossings that a swap of a place with the one below removes less those that it makes.
    fn saved(&self, lines: &Lines, column: usize, at: usize) -> i64 {
        let sides: i64 = (0..2)
            .map(|side| saved_by_swap(lines.of(at, side), lines.of(at + 1, side)))
            .sum();
        if self.flat.is_empty() {
            return sides;
        }
        sides + self.saved_flat(self.columns[column][at], self.columns[column][at + 1])
    }

    /// The same for calls within the column.
    fn saved_flat(&self, upper: u32, lower: u32) -> i64 {
        let (of_upper, of_lower) = (&self.flat[upper as usize], &self.flat[lower as usize]);
        if of_upper.is_empty() && of_lower.is_empty() {
            return 0;
        }
        let load = |vertex: u32, side: usize| i64::from(self.load[vertex as usize][side]);
        let rank = |vertex: u32| self.rank[vertex as usize];
        let mut saved = 0;
        for (flats, neighbour, was_between) in [(of_upper, lower, true), (of_lower, upper, false)] {
            for flat in flats {
                if flat.other == neighbour {
                    let turned = |goes_down| flat.own_crossings(goes_down) as i64;
                    saved += turned(was_between) - turned(!was_between);
                    continue;
                }
                let load = i64::from(flat.weight) * load(neighbour, flat.side);
                let is_between = (rank(flat.other) > rank(neighbour)) == was_between;
                saved += if is_between { load } else { -load };
            }
        }
        // Calls of both, each once, before and after the swap.
        let own = of_upper.iter().map(|flat| (upper, flat));
        let others = of_lower.iter().filter(|flat| flat.other != upper);
        let calls = || own.clone().chain(others.clone().map(|flat| (lower, flat)));
        let now = |vertex: u32| rank(vertex) as f32;
        let then = |vertex: u32| match vertex {
            _ if vertex == upper => now(lower),
            _ if vertex == lower => now(upper),
            _ => now(vertex),
        };
        for (at, (from_a, a)) in calls().enumerate() {
            for (from_b, b) in calls().skip(at + 1).filter(|(_, b)| b.side == a.side) {
                let crosses = |place: &dyn Fn(u32) -> f32| {
                    let ends =
                        |from: u32, flat: &Flat| [place(from) + flat.near, place(flat.other) + flat.far];
                    i64::from(interleave(ends(from_a, a), ends(from_b, b)))
                };
                let product = i64::from(a.weight) * i64::from(b.weight);
                saved += (crosses(&now) - crosses(&then)) * product;
            }
        }
        saved
    }

    fn swap(&mut self, lines: &mut Lines, column: usize, at: usize) {
        let order = &mut self.columns[column];
        order.swap(at, at + 1);
        lines.spans.swap(at, at + 1);
        self.rank[order[at] as usize] = at as u32;
        self.rank[order[at + 1] as usize] = at as u32 + 1;
    }

    /// Swaps neighbours while that removes crossings; returns how many. What stays is not swapped with what stays.
    pub(super) fn transpose(&mut self, rounds: usize, holds: bool, lines: &mut Lines) -> i64 {
        let mut sum = 0;
        for column in 0..self.columns.len() {
            let count = self.columns[column].len();
            if count < 2 || self.fixed[column] {
                continue;
            }
            lines.load(self, column);
            for _ in 0..rounds {
                let mut moved = false;
                for at in 0..count - 1 {
                    if holds && (at..at + 2).all(|at| self.stays[self.columns[column][at] as usize]) {
                        continue;
                    }
                    let saved = self.saved(lines, column, at);
                    if saved > 0 {
                        self.swap(lines, column, at);
                        sum += saved;
                        moved = true;
                    }
                }
                if !moved {
                    break;
                }
            }
        }
        sum
    }

    /// Takes every vertex along its column to the place with the fewest crossings; returns how many that removed.
    pub(super) fn sift(&mut self, lines: &mut Lines) -> i64 {
        /// Farthest way of a vertex, so that long columns take time in proportion to their length.
        const REACH: usize = 24;
        /// So many crossings more are not won back further on.
        const LOST: i64 = -40;
        let mut sum = 0;
        for column in 0..self.columns.len() {
            let count = self.columns[column].len();
            if count < 2 || self.fixed[column] {
                continue;
            }
            lines.load(self, column);
            for vertex in self.columns[column].clone() {
                let start = self.rank[vertex as usize] as usize;
                let (top, bottom) = (start.saturating_sub(REACH), (start + REACH).min(count - 1));
                let (mut saved, mut best) = (0, (0, start));
                let mut place = start;
                while place < bottom && saved > LOST {
                    saved += self.saved(lines, column, place);
                    self.swap(lines, column, place);
                    place += 1;
                    if saved > best.0 {
                        best = (saved, place);
                    }
                }
                // Back to the start, which is known, and on to the other side.
                while place > start {
                    place -= 1;
                    self.swap(lines, column, place);
                }
                saved = 0;
                while place > top && saved > LOST {
                    place -= 1;
                    saved += self.saved(lines, column, place);
                    self.swap(lines, column, place);
                    if saved > best.0 {
                        best = (saved, place);
                    }
                }
                while place < best.1 {
                    self.swap(lines, column, place);
                    place += 1;
                }
                sum += best.0;
            }
        }
        sum
    }
}
