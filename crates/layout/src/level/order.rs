//! The order within columns: few crossings, by sweeps to the mean of the neighbours, swaps and sifting.

use super::{HintUse, net::Net, part::Part, swap::Lines};
use crate::sort::{by_key, height_key};

/// Sweeps for one start.
const SWEEPS: usize = 24;
/// Sweeps for a draft.
const DRAFT: usize = 6;
/// Sweeps without a better order after which a start is given up.
const PATIENCE: usize = 6;
/// Rounds of sifting; later ones were seen to win little.
const SIFTS: usize = 4;

/// The best order so far.
struct Best {
    columns: Vec<Vec<u32>>,
    cost: u64,
}

impl Part<'_> {
    /// Orders all columns.
    pub(super) fn order(&mut self) {
        let mut net = Net::new(self);
        let mut best: Option<Best> = None;
        let mut lines = Lines::default();
        if self.holds() {
            self.order_as_before(&mut net);
            net.hold(&mut best, &mut lines);
        } else {
            let seeded = self.hints.use_as == HintUse::Seed && self.was.iter().any(Option::is_some);
            // The larger the part, the fewer the starts: time is bounded, and large parts gain less from a good start.
            let starts = match net.column.len() {
                _ if self.hints.is_draft => 1,
                0..=600 => 4,
                601..=3000 => 2,
                _ => 1,
            };
            for start in 0..starts {
                if seeded && start == 0 {
                    self.order_as_before(&mut net);
                } else {
                    net.order_by_search(start);
                }
                net.improve(&mut best, &mut lines, self.hints.is_draft);
                if best.as_ref().is_some_and(|best| best.cost == 0) {
                    break;
                }
            }
        }
        if let Some(best) = best {
            net.columns = best.columns;
            net.set_ranks();
        }
        let own = net.own();
        self.crossings = net.crossings(own.clone());
        let columns = net.columns[own].iter();
        self.columns = columns
            .map(|column| column.iter().map(|&vertex| vertex as usize).collect())
            .collect();
        self.set_ranks();
    }

    /// Where an offset lies within the place of its vertex in the order.
    pub(super) fn fraction(&self, vertex: usize, offset: f32) -> f32 {
        offset / (2.2 * self.half[vertex] + 1.0)
    }

    /// Place in the column, with the place of the link on its vertex as fraction.
    pub(super) fn key(&self, vertex: usize, offset: f32) -> f32 {
        self.rank[vertex] as f32 + self.fraction(vertex, offset)
    }

    /// By the heights of before; what is new stands at the mean of its neighbours.
    fn order_as_before(&self, net: &mut Net) {
        let mut heights = self.was.clone();
        // News spread along the links; chains longer than this are rare, and then stand at the end.
        for _ in 0..12 {
            let mut means = vec![(0.0, 0.0); heights.len()];
            for piece in &self.pieces {
                for (here, there) in [(piece.left, piece.right), (piece.right, piece.left)] {
                    if let (None, Some(height)) = (heights[here.vertex], heights[there.vertex]) {
                        let (sum, count) = &mut means[here.vertex];
                        *sum += height + there.offset - here.offset;
                        *count += 1.0;
                    }
                }
            }
            let mut news = false;
            for (height, (sum, count)) in heights.iter_mut().zip(means) {
                if count > 0.0 {
                    *height = Some(sum / count);
                    news = true;
                }
            }
            if !news {
                break;
            }
        }
        let order = by_key(heights.len(), |vertex| {
            height_key(heights[vertex].unwrap_or(f32::MAX))
        });
        for column in net.own() {
            net.columns[column].clear();
        }
        for vertex in order {
            net.columns[net.column[vertex as usize] as usize].push(vertex);
        }
        net.set_ranks();
    }
}

impl Net {
    /// What is on screen is improved by swaps of neighbours only, so that nothing jumps.
    fn hold(&mut self, best: &mut Option<Best>, lines: &mut Lines) {
        self.keep_if_better(best);
        for _ in 0..4 {
            if self.transpose(4, true, lines) == 0 {
                break;
            }
            self.keep_if_better(best);
        }
    }

    /// Sweeps and swaps until nothing gets better for a while, then sifts.
    fn improve(&mut self, best: &mut Option<Best>, lines: &mut Lines, is_draft: bool) {
        let (sweeps, sifts) = if is_draft { (DRAFT, 0) } else { (SWEEPS, SIFTS) };
        let mut own: Option<Best> = None;
        self.keep_if_better(&mut own);
        let mut idle = 0;
        for sweep in 0..sweeps {
            if idle == PATIENCE || own.as_ref().is_some_and(|own| own.cost == 0) {
                break;
            }
            self.sweep(sweep % 2 == 0, sweep % 4 >= 2);
            let rounds = if sweep + 4 >= sweeps { 4 } else { 1 };
            self.transpose(rounds, false, lines);
            idle = if self.keep_if_better(&mut own) {
                0
            } else {
                idle + 1
            };
        }
        let Some(mut own) = own else { return };
        self.columns.clone_from(&own.columns);
        self.set_ranks();
        for _ in 0..sifts {
            let saved = self.sift(lines);
            own.cost = own.cost.saturating_add_signed(-saved);
            if saved == 0 {
                break;
            }
        }
        debug_assert_eq!(own.cost, self.cost(), "swaps know what they save");
        if best.as_ref().is_none_or(|best| own.cost < best.cost) {
            own.columns.clone_from(&self.columns);
            *best = Some(own);
        }
    }

    fn keep_if_better(&mut self, best: &mut Option<Best>) -> bool {
        let cost = self.cost();
        let better = best.as_ref().is_none_or(|best| cost < best.cost);
        if better {
            *best = Some(Best {
                columns: self.columns.clone(),
                cost,
            });
        }
        better
    }

    /// Depth first along the links, from callers or from callees, forwards or backwards.
    fn order_by_search(&mut self, start: usize) {
        let [left, right] = &self.near;
        let (behind, ahead) = if start.is_multiple_of(2) {
            (left, right)
        } else {
            (right, left)
        };
        let own = self.own();
        let count = self.own_count();
        for column in own {
            self.columns[column].clear();
        }
        let mut roots: Vec<u32> = (0..count)
            .filter(|&vertex| behind.of(vertex).is_empty())
            .collect();
        if start < 2 {
            roots.reverse();
        }
        // A part of cycles only has no root; the rest of the vertices is then searched from any of them.
        let mut stack: Vec<u32> = (0..count).rev().chain(roots).collect();
        let mut seen = vec![false; self.column.len()];
        while let Some(vertex) = stack.pop() {
            if vertex >= count || std::mem::replace(&mut seen[vertex as usize], true) {
                continue;
            }
            self.columns[self.column[vertex as usize] as usize].push(vertex);
            let next = ahead.of(vertex).iter().chain(behind.of(vertex));
            stack.extend(
                next.rev()
                    .map(|next| next.vertex)
                    .filter(|&next| !seen[next as usize]),
            );
        }
        self.set_ranks();
    }

    /// Sorts each column by the means of the neighbours on one side.
    fn sweep(&mut self, rightwards: bool, ties_reversed: bool) {
        let count = self.columns.len();
        for step in 0..count {
            let column = if rightwards { step } else { count - 1 - step };
            if self.fixed[column] {
                continue;
            }
            let mut order = std::mem::take(&mut self.columns[column]);
            if ties_reversed {
                order.reverse();
            }
            let near = &self.near[usize::from(!rightwards)];
            let mean = |vertex: u32| {
                let (mut sum, mut weight) = (0.0, 0.0);
                for next in near.of(vertex) {
                    let pull = next.weight as f32;
                    sum += (self.key(next.vertex, next.far) - next.near) * pull;
                    weight += pull;
                }
                for flat in self.flat.get(vertex as usize).into_iter().flatten() {
                    sum += self.rank[flat.other as usize] as f32 * flat.weight as f32;
                    weight += flat.weight as f32;
                }
                if weight > 0.0 {
                    sum / weight
                } else {
                    self.rank[vertex as usize] as f32
                }
            };
            let sorted = by_key(order.len(), |at| height_key(mean(order[at])));
            self.columns[column] = sorted.into_iter().map(|at| order[at as usize]).collect();
            self.set_ranks_of(column);
        }
    }
}
