//! Who is joined to whom by pieces of links, to the left and to the right.

use super::part::Part;

/// Neighbours of every vertex on one side, in one array.
pub(super) struct Neighbours {
    start: Vec<usize>,
    entries: Vec<Neighbour>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbour {
    pub(super) vertex: usize,
    /// Offset of the link at this vertex.
    pub(super) near: f32,
    /// Offset of the link at the neighbour.
    pub(super) far: f32,
    pub(super) pull: f32,
}

impl Neighbours {
    pub(super) fn of(&self, vertex: usize) -> &[Neighbour] {
        &self.entries[self.start[vertex]..self.start[vertex + 1]]
    }

    fn new(count: usize, links: impl Iterator<Item = (usize, Neighbour)> + Clone) -> Self {
        let mut start = vec![0; count + 1];
        for (vertex, _) in links.clone() {
            start[vertex + 1] += 1;
        }
        for at in 0..count {
            start[at + 1] += start[at];
        }
        let nothing = Neighbour {
            vertex: 0,
            near: 0.0,
            far: 0.0,
            pull: 0.0,
        };
        let mut entries = vec![nothing; start[count]];
        let mut next = start.clone();
        for (vertex, neighbour) in links {
            entries[next[vertex]] = neighbour;
            next[vertex] += 1;
        }
        Self { start, entries }
    }

    /// Neighbours to the left and to the right.
    pub(super) fn both(part: &Part<'_>) -> [Self; 2] {
        let count = part.column.len();
        let left = part.pieces.iter().map(|piece| {
            let neighbour = Neighbour {
                vertex: piece.left.vertex,
                near: piece.right.offset,
                far: piece.left.offset,
                pull: piece.pull,
            };
            (piece.right.vertex, neighbour)
        });
        let right = part.pieces.iter().map(|piece| {
            let neighbour = Neighbour {
                vertex: piece.right.vertex,
                near: piece.left.offset,
                far: piece.right.offset,
                pull: piece.pull,
            };
            (piece.left.vertex, neighbour)
        });
        [Self::new(count, left), Self::new(count, right)]
    }
}
