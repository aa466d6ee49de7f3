//! Places for labels: on the flattest free part of the line, never on a node.

use std::collections::HashMap;

use crate::{
    Layout, Point, Rect, Size,
    curve::{Cubic, curve},
    tree::Tree,
};

/// Side of a cell of the grid that finds what is near.
const CELL: f32 = 128.0;
/// Distance from nodes.
const FROM_NODE: f32 = 3.0;
/// Further room below nodes, over whose lower border badges hang.
const BELOW_NODE: f32 = 6.0;
/// Distance from other labels.
const FROM_LABEL: f32 = 2.0;

/// Rectangles by the cells that they touch.
#[derive(Default)]
struct Grid {
    cells: HashMap<(i32, i32), Vec<Rect>>,
}

impl Grid {
    fn add(&mut self, rect: Rect) {
        for cell in cells(&rect) {
            self.cells.entry(cell).or_default().push(rect);
        }
    }

    fn hits(&self, rect: &Rect) -> bool {
        cells(rect).any(|cell| {
            self.cells
                .get(&cell)
                .is_some_and(|rects| rects.iter().any(|other| other.overlaps(rect)))
        })
    }
}

fn cells(rect: &Rect) -> impl Iterator<Item = (i32, i32)> + use<> {
    let cell = |value: f32| (value / CELL).floor() as i32;
    let (left, right) = (cell(rect.x), cell(rect.right()));
    let (top, bottom) = (cell(rect.y), cell(rect.bottom()));
    (left..=right).flat_map(move |x| (top..=bottom).map(move |y| (x, y)))
}

/// A place on the line with how bad it is.
struct Candidate {
    place: Point,
    cost: f32,
}

/// Ways of all edges, to find those that several edges share.
struct SharedWays {
    /// Level pieces by height, as (left, right, edge).
    level: HashMap<i32, Vec<(f32, f32, usize)>>,
    /// Other pieces by each of their ends.
    bent: HashMap<[i32; 2], Vec<usize>>,
}

impl SharedWays {
    fn new(layout: &Layout) -> Self {
        let mut ways = Self {
            level: HashMap::new(),
            bent: HashMap::new(),
        };
        for (edge, route) in layout.edges.iter().enumerate() {
            for pair in route.points.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                if (a.y - b.y).abs() < 0.01 {
                    let span = (a.x.min(b.x), a.x.max(b.x), edge);
                    ways.level.entry(a.y.round() as i32).or_default().push(span);
                } else {
                    ways.bent.entry(key(a)).or_default().push(edge);
                    ways.bent.entry(key(b)).or_default().push(edge);
                }
            }
        }
        ways
    }

    /// Whether another edge runs through the place `t` of a piece, or so near that one could not tell.
    fn takes(&self, edge: usize, piece: &Cubic, t: f32, place: Point) -> bool {
        /// Waves from one point are apart from here on.
        const APART: f32 = 0.35;
        if piece.is_line() {
            let spans = self.level.get(&(place.y.round() as i32));
            return spans.is_some_and(|spans| {
                spans
                    .iter()
                    .any(|&(left, right, other)| other != edge && left <= place.x && place.x <= right)
            });
        }
        let shared = |end: Point| {
            let edges = self.bent.get(&key(end));
            edges.is_some_and(|edges| edges.iter().any(|&other| other != edge))
        };
        (t < APART && shared(piece.from)) || (t > 1.0 - APART && shared(piece.to))
    }
}

fn key(a: Point) -> [i32; 2] {
    [a.x, a.y].map(|value| value.round() as i32)
}

/// Gives every edge that wants a label the best place that is free. Short ways choose first: they have the least choice.
pub(crate) fn place(tree: &Tree<'_>, layout: &mut Layout) {
    let mut nodes = Grid::default();
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
    let mut wanted: Vec<(usize, Size, Vec<Candidate>)> = tree
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
            candidates.sort_by(|a, b| a.cost.total_cmp(&b.cost));
            Some((at, size, candidates))
        })
        .collect();
    wanted.sort_by_key(|(at, _, candidates)| (candidates.len(), *at));
    let mut labels = Grid::default();
    for (at, size, candidates) in wanted {
        let free = candidates
            .iter()
            .map(|candidate| candidate.place)
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
