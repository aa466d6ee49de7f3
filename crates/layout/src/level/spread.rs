//! Where on the side of a node each of its links starts or ends.

use super::part::Part;
use crate::sort::{by_key, height_key};

impl Part<'_> {
    /// Gives every link its own height on the sides of a node, in the order of where it goes.
    pub(super) fn spread_links(&mut self) {
        /// Between links on one side of a node.
        const STEP: f32 = 8.0;
        /// From the corners of a node.
        const MARGIN: f32 = 9.0;
        let mut ends: [Vec<Vec<(f32, usize)>>; 2] = [(), ()].map(|()| vec![Vec::new(); self.members.len()]);
        for (at, piece) in self.pieces.iter().enumerate() {
            let (left, right) = (piece.left, piece.right);
            if left.vertex < self.members.len() {
                ends[1][left.vertex].push((self.key(right.vertex, right.offset), at));
            }
            if right.vertex < self.members.len() {
                ends[0][right.vertex].push((self.key(left.vertex, left.offset), at));
            }
        }
        for (side, vertices) in ends.iter().enumerate() {
            for (vertex, ends) in vertices.iter().enumerate() {
                if ends.len() < 2 || self.item(vertex).is_none_or(|item| item.is_box) {
                    continue;
                }
                let order = by_key(ends.len(), |at| height_key(ends[at].0));
                let gaps = (ends.len() - 1) as f32;
                let step = STEP.min((2.0 * (self.half[vertex] - MARGIN)).max(0.0) / gaps);
                for (at, piece) in order.into_iter().map(|at| ends[at as usize].1).enumerate() {
                    let offset = ((at as f32 - gaps / 2.0) * step).round();
                    let piece = &mut self.pieces[piece];
                    let joint = if side == 1 {
                        &mut piece.left
                    } else {
                        &mut piece.right
                    };
                    joint.offset = offset;
                }
            }
        }
    }
}
