//! Heights within columns: each vertex as near to its neighbours as the order and the gaps allow.
//!
//! Column by column, the sum of squared slopes is made least with the order kept. With the gaps subtracted this is
//! isotonic regression, which pooling adjacent violators solves in one pass.

use super::{order::Neighbours, part::Part};

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
    fn anchors(&self) -> Vec<Option<f32>> {
        if !self.holds() {
            return vec![None; self.y.len()];
        }
        let anchored = |vertex: usize| self.was[vertex].filter(|_| self.side(vertex).is_none());
        let known: Vec<f32> = (0..self.y.len()).filter_map(anchored).collect();
        let mean = known.iter().sum::<f32>() / known.len().max(1) as f32;
        (0..self.y.len())
            .map(|vertex| anchored(vertex).map(|height| height - mean))
            .collect()
    }

    fn settle(
        &mut self,
        column: usize,
        sides: &[usize],
        near: &[Neighbours; 2],
        anchors: &[Option<f32>],
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
                let pull = 1.0 + 3.0 * weight;
                sum += anchor * pull;
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
