//! Places for labels: on the flattest free part of the line, never on a node.

use crate::{
    Layout, Point, Rect, Size,
    curve::{Cubic, curve},
    sort::{Index, by_key, height_key},
    tree::Tree,
};

/// Distance from nodes.
const FROM_NODE: f32 = 3.0;
/// Further room below nodes, over whose lower border badges hang.
const BELOW_NODE: f32 = 6.0;
/// Distance from other labels.
const FROM_LABEL: f32 = 2.0;

/// Rectangles by the cells of a page that they touch.
struct Grid {
    page: Rect,
    /// Side of a cell.
    cell: f32,
    /// Cells in a row.
    columns: usize,
    cells: Vec<Vec<Rect>>,
}

impl Grid {
    fn new(page: Rect) -> Self {
        /// Side of a cell, and how many there may be at most: then cells are larger.
        const CELL: f32 = 128.0;
        const CELLS: f32 = 65_536.0;
        let longest = page.width.max(page.height);
        let cell = CELL
            .max((page.width * page.height / CELLS).sqrt())
            .max(longest / CELLS);
        let count = |length: f32| (length / cell) as usize + 1;
        let columns = count(page.width);
        Self {
            page,
            cell,
            columns,
            cells: vec![Vec::new(); columns * count(page.height)],
        }
    }

    /// Cells that a rectangle touches; what lies outside of the page counts to its border.
    fn cells(&self, rect: &Rect) -> impl Iterator<Item = usize> + use<> {
        let (columns, rows) = (self.columns, self.cells.len() / self.columns);
        // Negative values become 0.
        let at = |from: f32, count: usize| ((from / self.cell) as usize).min(count - 1);
        let (left, right) = (
            at(rect.x - self.page.x, columns),
            at(rect.right() - self.page.x, columns),
        );
        let (top, bottom) = (
            at(rect.y - self.page.y, rows),
            at(rect.bottom() - self.page.y, rows),
        );
        (top..=bottom).flat_map(move |row| (left..=right).map(move |column| row * columns + column))
    }

    fn add(&mut self, rect: Rect) {
        for cell in self.cells(&rect) {
            self.cells[cell].push(rect);
        }
    }

    fn hits(&self, rect: &Rect) -> bool {
        self.cells(rect)
            .any(|cell| self.cells[cell].iter().any(|other| other.overlaps(rect)))
    }
}

/// A place on the line with how bad it is.
struct Candidate {
    place: Point,
    cost: f32,
}

/// Ways of all edges, to find those that several edges share.
struct SharedWays {
    /// Level pieces as (left, right, edge), found by their heights.
    level: Vec<(f32, f32, usize)>,
    heights: Index,
    /// Edges of other pieces, found by each of their ends.
    bent: Vec<usize>,
    ends: Index,
}

impl SharedWays {
    fn new(layout: &Layout) -> Self {
        let (mut level, mut heights, mut bent, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (edge, route) in layout.edges.iter().enumerate() {
            for pair in route.points.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                if (a.y - b.y).abs() < 0.01 {
                    level.push((a.x.min(b.x), a.x.max(b.x), edge));
                    heights.push(height_key(a.y.round()));
                } else {
                    bent.extend([edge; 2]);
                    ends.extend([key(a), key(b)]);
                }
            }
        }
        Self {
            level,
            heights: Index::new(heights.into_iter()),
            bent,
            ends: Index::new(ends.into_iter()),
        }
    }

    /// Whether another edge runs through the place `t` of a piece, or so near that one could not tell.
    fn takes(&self, edge: usize, piece: &Cubic, t: f32, place: Point) -> bool {
        /// Waves from one point are apart from here on.
        const APART: f32 = 0.35;
        if piece.is_line() {
            return self
                .heights
                .all(height_key(place.y.round()))
                .map(|at| self.level[at])
                .any(|(left, right, other)| other != edge && left <= place.x && place.x <= right);
        }
        let shared = |end: Point| self.ends.all(key(end)).any(|at| self.bent[at] != edge);
        (t < APART && shared(piece.from)) || (t > 1.0 - APART && shared(piece.to))
    }
}

fn key(a: Point) -> u64 {
    height_key(a.x.round()) << 32 | height_key(a.y.round())
}

/// Gives every edge that wants a label the best place that is free. Short ways choose first: they have the least choice.
pub(crate) fn place(tree: &Tree<'_>, layout: &mut Layout) {
    if tree.edges.iter().all(|edge| edge.label.is_none()) {
        return;
    }
    let mut nodes = Grid::new(layout.bounds());
    for node in &layout.nodes {
        let mut rect = node.rect.grown(FROM_NODE);
        rect.height += BELOW_NODE;
        nodes.add(rect);
    }
    // Names of boxes stay readable.
    for spec in &tree.input.boxes {
        let Some(rect) = layout.find_box(spec.id) else {
            continue;
        };
        nodes.add(Rect::new(rect.x, rect.y, spec.min_width, spec.header * 0.8));
    }
    let shared = SharedWays::new(layout);
    let wanted: Vec<(usize, Size, Vec<Candidate>)> = tree
        .edges
        .iter()
        .filter_map(|edge| {
            let size = edge.label?;
            let at = layout
                .edges
                .binary_search_by_key(&edge.id, |route| route.id)
                .ok()?;
            let mut candidates = candidates(at, &layout.edges[at].points, size, &shared);
            candidates.retain(|candidate| !nodes.hits(&Rect::around(candidate.place, size)));
            Some((at, size, candidates))
        })
        .collect();
    let order = by_key(wanted.len(), |at| {
        let (edge, _, candidates) = &wanted[at];
        (candidates.len() as u64) << 32 | *edge as u64
    });
    let mut labels = Grid::new(layout.bounds());
    for (at, size, candidates) in order.into_iter().map(|at| &wanted[at as usize]) {
        let (at, size) = (*at, *size);
        let by_cost = by_key(candidates.len(), |at| height_key(candidates[at].cost));
        let free = by_cost
            .into_iter()
            .map(|at| candidates[at as usize].place)
            .find(|&place| !labels.hits(&Rect::around(place, size)));
        if let Some(place) = free {
            labels.add(Rect::around(place, size).grown(FROM_LABEL));
        }
        layout.edges[at].label = free;
    }
}

/// Places along the way, a few pixels apart; steep ones and those at the ends are worse.
fn candidates(edge: usize, points: &[Point], size: Size, shared: &SharedWays) -> Vec<Candidate> {
    const STEP: f32 = 6.0;
    // Towards the callee: there each line of a fan has its own height. A tall label tells of an alarm, which the end of
    // the line shows too: that stays free.
    let wanted = if size.height > 24.0 { 0.42 } else { 0.58 };
    let pieces = curve(points);
    let total: f32 = pieces.iter().map(Cubic::length).sum();
    // Long ways are looked at less densely: enough places remain, and time is bounded.
    let step = STEP.max(total / 200.0);
    let mut candidates = Vec::new();
    let mut before = 0.0;
    for piece in &pieces {
        let length = piece.length();
        let count = (length / step).ceil().max(1.0);
        for at in 0..count as usize {
            let t = (at as f32 + 0.5) / count;
            let (place, ahead) = (piece.at(t), piece.at((t + 0.02).min(1.0)));
            let (dx, dy) = ((ahead.x - place.x).abs(), (ahead.y - place.y).abs());
            let steepness = dy / (dx + dy).max(0.001);
            let share = (before + t * length) / total.max(1.0);
            let off = (share - wanted).abs();
            // On a way that edges share, a label could be any one's.
            let ambiguous = if shared.takes(edge, piece, t, place) {
                4.0
            } else {
                0.0
            };
            candidates.push(Candidate {
                place: Point::new(place.x.round(), place.y.round()),
                cost: 1.6 * steepness * steepness + off + ambiguous,
            });
        }
        before += length;
    }
    candidates
}
