//! Heights within columns: each vertex as near to its neighbours as the order and the gaps allow.
//!
//! Column by column, the sum of squared slopes is made least with the order kept. With the gaps subtracted this is
//! isotonic regression, which pooling adjacent violators solves in one pass.

use super::{
    neighbours::{Neighbour, Neighbours},
    part::Part,
};

/// Where a vertex is to stay.
#[derive(Debug, Clone, Copy)]
struct Anchor {
    height: f32,
    /// How much more it counts than all links of the vertex.
    hold: f32,
}

/// Weighted targets of a run of vertices that move as one.
#[derive(Debug, Clone, Copy)]
struct Run {
    sum: f32,
    weight: f32,
    count: usize,
}

impl Part<'_> {
    /// Finds heights; whole pixels, the least is not bounded.
    pub(super) fn place(&mut self) {
        const ROUNDS: usize = 24;
        let near = Neighbours::both(self);
        let stacked: Vec<Vec<f32>> = self.columns.iter().map(|column| self.stack(column)).collect();
        for (column, heights) in self.columns.iter().zip(&stacked) {
            let middle = heights.last().copied().unwrap_or(0.0) / 2.0;
            for (&vertex, height) in column.iter().zip(heights) {
                self.y[vertex] = height - middle;
            }
        }
        let anchors = self.anchors();
        let mut runs = Vec::new();
        for round in 0..ROUNDS {
            // First the heights of one side spread, then both sides settle.
            let sides: &[usize] = match round {
                _ if round + 6 >= ROUNDS => &[0, 1],
                _ if round % 2 == 0 => &[0],
                _ => &[1],
            };
            for step in 0..self.columns.len() {
                let column = if round % 2 == 0 {
                    step
                } else {
                    self.columns.len() - 1 - step
                };
                self.settle(column, sides, &near, &anchors, &stacked[column], &mut runs);
            }
        }
        for vertex in 0..self.y.len() {
            self.y[vertex] = (self.y[vertex] - self.half[vertex]).round() + self.half[vertex];
        }
        self.straighten(&near, &anchors);
    }

    /// Makes lines level that almost are: a small step looks like a mistake, a slope does not.
    ///
    /// Each vertex may move a little within its gaps to where most of its lines are level.
    fn straighten(&mut self, near: &[Neighbours; 2], anchors: &[Option<Anchor>]) {
        /// Largest move.
        const REACH: f32 = 14.0;
        const ROUNDS: usize = 4;
        for round in 0..ROUNDS {
            let mut moved = false;
            for step in 0..self.columns.len() {
                let column = if round % 2 == 0 {
                    step
                } else {
                    self.columns.len() - 1 - step
                };
                for at in 0..self.columns[column].len() {
                    let vertex = self.columns[column][at];
                    if anchors[vertex].is_none() {
                        moved |= self.level_lines(column, at, near, REACH);
                    }
                }
            }
            if !moved {
                break;
            }
        }
    }

    /// Moves one vertex to the nearest height at which more of its lines are level than now.
    fn level_lines(&mut self, column: usize, at: usize, near: &[Neighbours; 2], reach: f32) -> bool {
        let members = &self.columns[column];
        let vertex = members[at];
        let y = self.y[vertex];
        let low = match at.checked_sub(1).map(|above| members[above]) {
            Some(above) => self.y[above] + self.least_distance(above, vertex),
            None => f32::MIN,
        };
        let high = match members.get(at + 1) {
            Some(&below) => self.y[below] - self.least_distance(vertex, below),
            None => f32::MAX,
        };
        let lines = || near.iter().flat_map(|side| side.of(vertex));
        let target = |line: &Neighbour| self.y[line.vertex] + line.far - line.near;
        let level_at = |height: f32| -> f32 {
            lines()
                .filter(|line| (target(line) - height).abs() < 0.5)
                .map(|line| line.pull)
                .sum()
        };
        let now = level_at(y);
        let best = lines()
            .map(target)
            .filter(|height| (low..=high).contains(height) && (height - y).abs() <= reach)
            .map(|height| (level_at(height), height))
            .filter(|(level, _)| *level > now)
            .max_by(|a, b| {
                a.0.total_cmp(&b.0)
                    .then((b.1 - y).abs().total_cmp(&(a.1 - y).abs()))
            });
        let Some((_, height)) = best else {
            return false;
        };
        self.y[vertex] = height;
        true
    }

    /// Heights of a column's vertices when they are stacked with the least gaps.
    fn stack(&self, column: &[usize]) -> Vec<f32> {
        let mut heights = Vec::with_capacity(column.len());
        let mut height = 0.0;
        for (at, &vertex) in column.iter().enumerate() {
            if at > 0 {
                height += self.least_distance(column[at - 1], vertex);
            }
            heights.push(height);
        }
        heights
    }

    fn least_distance(&self, upper: usize, lower: usize) -> f32 {
        let options = &self.spec.options;
        let gap = match (self.item(upper), self.item(lower)) {
            (None, _) | (_, None) => options.lane_gap,
            (Some(a), Some(b)) if a.is_box || b.is_box => options.node_gap * 0.9,
            _ => options.node_gap,
        };
        self.half[upper] + self.half[lower] + gap
    }

    /// Where vertices stood before, about the mean of all of them; nothing when they need not stay.
    fn anchors(&self) -> Vec<Option<Anchor>> {
        if !self.holds() {
            return vec![None; self.y.len()];
        }
        let anchored = |vertex: usize| self.was[vertex].filter(|_| self.side(vertex).is_none());
        let known: Vec<f32> = (0..self.y.len()).filter_map(anchored).collect();
        let mean = known.iter().sum::<f32>() / known.len().max(1) as f32;
        let anchor = |vertex: usize| {
            let is_pinned = self.item(vertex).is_some_and(|item| item.pin.is_some());
            Some(Anchor {
                height: anchored(vertex)? - mean,
                hold: if is_pinned { 100.0 } else { 3.0 },
            })
        };
        (0..self.y.len()).map(anchor).collect()
    }

    fn settle(
        &mut self,
        column: usize,
        sides: &[usize],
        near: &[Neighbours; 2],
        anchors: &[Option<Anchor>],
        stacked: &[f32],
        runs: &mut Vec<Run>,
    ) {
        runs.clear();
        for (&vertex, height) in self.columns[column].iter().zip(stacked) {
            let (mut sum, mut weight) = (0.0, 0.0);
            for next in sides.iter().flat_map(|&side| near[side].of(vertex)) {
                sum += (self.y[next.vertex] + next.far - next.near) * next.pull;
                weight += next.pull;
            }
            if let Some(anchor) = anchors[vertex] {
                let pull = 1.0 + anchor.hold * weight;
                sum += anchor.height * pull;
                weight += pull;
            }
            if weight == 0.0 {
                weight = 0.1;
                sum = self.y[vertex] * weight;
            }
            let mut run = Run {
                sum: sum - height * weight,
                weight,
                count: 1,
            };
            while let Some(above) = runs.pop_if(|above| above.sum * run.weight > run.sum * above.weight) {
                run.sum += above.sum;
                run.weight += above.weight;
                run.count += above.count;
            }
            runs.push(run);
        }
        let mut at = 0;
        for run in runs.iter() {
            for _ in 0..run.count {
                self.y[self.columns[column][at]] = run.sum / run.weight + stacked[at];
                at += 1;
            }
        }
    }
}
