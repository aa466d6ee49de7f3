//! How good a drawing is, by one judge for every engine.

use std::collections::{HashMap, HashSet};

use crate::{Input, Layout, Point, Rect};

/// Figures of one drawing. Smaller is better, but for `aspect`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quality {
    /// Proper crossings of the routes' straight pieces; a way that edges share counts once per crossing line.
    pub crossings: u64,
    /// Sum of all lengths.
    pub length: f64,
    /// Length that pairs of edges run on one line: what merging lines saves in crossings and length is seen here.
    pub shared: f64,
    /// Bends of all routes.
    pub bends: usize,
    /// Pairs of nodes that overlap.
    pub node_overlaps: usize,
    /// Pairs of boxes that overlap although none holds the other.
    pub box_overlaps: usize,
    /// Nodes and boxes that are not within their box.
    pub strays: usize,
    /// Edges that run over a node that is not theirs.
    pub over_nodes: usize,
    /// Edges that run over a box that holds none of their ends.
    pub over_boxes: usize,
    /// Labels that lie on a node or on another label.
    pub bad_labels: usize,
    /// Edges whose label found no place.
    pub missing_labels: usize,
    /// Width : height.
    pub aspect: f32,
    /// Square pixels.
    pub area: f64,
}

/// Judges a drawing of `input`.
pub fn judge(input: &Input, layout: &Layout) -> Quality {
    let nodes: Vec<Rect> = layout.nodes.iter().map(|node| node.rect).collect();
    let grid = Grid::new(&nodes);
    let (over_nodes, over_boxes) = runs_over(input, layout, &nodes, &grid);
    let (bad_labels, missing_labels) = labels(input, layout, &nodes, &grid);
    let (crossings, shared) = meetings(layout);
    Quality {
        crossings,
        shared,
        length: layout
            .edges
            .iter()
            .flat_map(|route| route.points.windows(2))
            .map(|pair| f64::from(pair[0].distance(pair[1])))
            .sum(),
        bends: layout
            .edges
            .iter()
            .map(|route| route.points.len().saturating_sub(2))
            .sum(),
        node_overlaps: grid.overlaps(&nodes),
        box_overlaps: box_overlaps(input, layout),
        strays: strays(input, layout),
        over_nodes,
        over_boxes,
        bad_labels,
        missing_labels,
        aspect: layout.size.width / layout.size.height.max(1.0),
        area: f64::from(layout.size.width) * f64::from(layout.size.height),
    }
}

/// The drawing as bare lines, to look at.
pub fn outline_svg(layout: &Layout) -> String {
    use std::fmt::Write as _;
    let bounds = layout.bounds().grown(10.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{} {} {} {}\" fill=\"none\" stroke=\"#555\">",
        bounds.x, bounds.y, bounds.width, bounds.height
    );
    let mut rect = |rect: &Rect, style: &str| {
        let Rect { x, y, width, height } = rect;
        write!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {style}/>"
        )
        .expect("writing to a string cannot fail");
    };
    for placed in &layout.boxes {
        rect(&placed.rect, "stroke=\"#aaa\" fill=\"#eee\" fill-opacity=\"0.5\"");
    }
    for placed in &layout.nodes {
        rect(&placed.rect, "fill=\"#cde\"");
    }
    for route in &layout.edges {
        let mut path = String::new();
        for cubic in crate::curve(&route.points) {
            let crate::Cubic { from, c1, c2, to } = cubic;
            write!(
                path,
                "M{} {}C{} {} {} {} {} {}",
                from.x, from.y, c1.x, c1.y, c2.x, c2.y, to.x, to.y
            )
            .expect("writing to a string cannot fail");
        }
        write!(svg, "<path d=\"{path}\"/>").expect("writing to a string cannot fail");
        if let (Some(at), Some(end)) = (route.label, route.points.last()) {
            write!(svg, "<circle cx=\"{}\" cy=\"{}\" r=\"4\"/>", at.x, at.y)
                .and_then(|()| write!(svg, "<circle cx=\"{}\" cy=\"{}\" r=\"2\"/>", end.x, end.y))
                .expect("writing to a string cannot fail");
        }
    }
    svg + "</svg>"
}

/// Crossings, and the length of shared ways.
pub(crate) fn meetings(layout: &Layout) -> (u64, f64) {
    struct Piece {
        left: f32,
        right: f32,
        top: f32,
        bottom: f32,
        edge: usize,
        from: Point,
        to: Point,
    }
    let mut pieces: Vec<Piece> = layout
        .edges
        .iter()
        .enumerate()
        .flat_map(|(edge, route)| {
            route.points.windows(2).map(move |pair| Piece {
                left: pair[0].x.min(pair[1].x),
                right: pair[0].x.max(pair[1].x),
                top: pair[0].y.min(pair[1].y) - SHARED,
                bottom: pair[0].y.max(pair[1].y) + SHARED,
                edge,
                from: pair[0],
                to: pair[1],
            })
        })
        .collect();
    pieces.sort_by(|a, b| a.left.total_cmp(&b.left));
    let (mut count, mut shared) = (0, 0.0);
    for (at, a) in pieces.iter().enumerate() {
        for b in pieces[at + 1..].iter().take_while(|b| b.left <= a.right) {
            if a.edge == b.edge || a.bottom < b.top || b.bottom < a.top {
                continue;
            }
            count += u64::from(cross(a.from, a.to, b.from, b.to));
            shared += shared_way(a.from, a.to, b.from, b.to);
        }
    }
    (count, shared)
}

/// Lines nearer than this look like one.
const SHARED: f32 = 0.5;

/// How long two pieces run on one line.
fn shared_way(a: Point, b: Point, c: Point, d: Point) -> f64 {
    let length = a.distance(b);
    if length < SHARED {
        return 0.0;
    }
    let along = Point::new((b.x - a.x) / length, (b.y - a.y) / length);
    let place = |p: Point| {
        let (x, y) = (p.x - a.x, p.y - a.y);
        (x * along.x + y * along.y, (x * along.y - y * along.x).abs())
    };
    let ((c, off_c), (d, off_d)) = (place(c), place(d));
    if off_c.max(off_d) > SHARED {
        return 0.0;
    }
    f64::from((c.max(d).min(length) - c.min(d).max(0.0)).max(0.0))
}

/// Whether two pieces cross in a place that is an end of neither.
fn cross(a: Point, b: Point, c: Point, d: Point) -> bool {
    const EPSILON: f64 = 1e-3;
    let side = |a: Point, b: Point, c: Point| {
        f64::from(b.x - a.x) * f64::from(c.y - a.y) - f64::from(b.y - a.y) * f64::from(c.x - a.x)
    };
    let apart = |p: f64, q: f64| (p > EPSILON && q < -EPSILON) || (p < -EPSILON && q > EPSILON);
    apart(side(a, b, c), side(a, b, d)) && apart(side(c, d, a), side(c, d, b))
}

/// Whether a straight piece runs through the inside of a rectangle.
fn runs_through(a: Point, b: Point, rect: &Rect) -> bool {
    let inside = rect.grown(-1.0);
    let (mut enter, mut leave) = (0f32, 1f32);
    for (at, step, low, high) in [
        (a.x, b.x - a.x, inside.x, inside.right()),
        (a.y, b.y - a.y, inside.y, inside.bottom()),
    ] {
        if step.abs() < 1e-6 {
            if at <= low || at >= high {
                return false;
            }
            continue;
        }
        let (first, second) = ((low - at) / step, (high - at) / step);
        enter = enter.max(first.min(second));
        leave = leave.min(first.max(second));
    }
    enter < leave
}

/// Indices of rectangles by cells.
struct Grid(HashMap<(i32, i32), Vec<usize>>);

impl Grid {
    fn cells(rect: &Rect) -> impl Iterator<Item = (i32, i32)> + use<> {
        let cell = |value: f32| (value / 400.0).floor() as i32;
        let (x, y) = (
            cell(rect.x)..=cell(rect.right()),
            cell(rect.y)..=cell(rect.bottom()),
        );
        x.flat_map(move |x| y.clone().map(move |y| (x, y)))
    }

    fn new(rects: &[Rect]) -> Self {
        let mut cells: HashMap<(i32, i32), Vec<usize>> = HashMap::new();
        for (at, rect) in rects.iter().enumerate() {
            for cell in Self::cells(rect) {
                cells.entry(cell).or_default().push(at);
            }
        }
        Self(cells)
    }

    fn near(&self, rect: &Rect) -> impl Iterator<Item = usize> + use<'_> {
        Self::cells(rect).flat_map(|cell| self.0.get(&cell).into_iter().flatten().copied())
    }

    fn overlaps(&self, rects: &[Rect]) -> usize {
        let pairs: HashSet<(usize, usize)> = self
            .0
            .values()
            .flat_map(|cell| cell.iter().flat_map(|&a| cell.iter().map(move |&b| (a, b))))
            .filter(|&(a, b)| a < b && rects[a].overlaps(&rects[b]))
            .collect();
        pairs.len()
    }
}

fn runs_over(input: &Input, layout: &Layout, nodes: &[Rect], grid: &Grid) -> (usize, usize) {
    let ends: HashMap<u64, (u64, u64)> = input
        .edges
        .iter()
        .map(|edge| (edge.id, (edge.from, edge.to)))
        .collect();
    let holders = Holders::new(input);
    let (mut over_nodes, mut over_boxes) = (0, 0);
    for route in &layout.edges {
        let (from, to) = ends[&route.id];
        let mut foreign: HashSet<usize> = HashSet::new();
        for pair in route.points.windows(2) {
            let around =
                Rect::new(pair[0].x, pair[0].y, 0.0, 0.0).union(&Rect::new(pair[1].x, pair[1].y, 0.0, 0.0));
            foreign.extend(grid.near(&around).filter(|&at| {
                let id = layout.nodes[at].id;
                id != from && id != to && runs_through(pair[0], pair[1], &nodes[at])
            }));
        }
        over_nodes += foreign.len();
        over_boxes += layout
            .boxes
            .iter()
            .filter(|area| !holders.holds(area.id, from) && !holders.holds(area.id, to))
            .filter(|area| {
                let mut pairs = route.points.windows(2);
                pairs.any(|pair| runs_through(pair[0], pair[1], &area.rect))
            })
            .count();
    }
    (over_nodes, over_boxes)
}

fn labels(input: &Input, layout: &Layout, nodes: &[Rect], grid: &Grid) -> (usize, usize) {
    let sizes: HashMap<u64, _> = input.edges.iter().map(|edge| (edge.id, edge.label)).collect();
    let wanted = |route: &&crate::Route| sizes[&route.id].is_some();
    let missing = layout
        .edges
        .iter()
        .filter(wanted)
        .filter(|route| route.label.is_none())
        .count();
    let rects: Vec<Rect> = layout
        .edges
        .iter()
        .filter_map(|route| Some(Rect::around(route.label?, sizes[&route.id]?)))
        .collect();
    let on_node = rects
        .iter()
        .filter(|rect| grid.near(rect).any(|at| nodes[at].overlaps(rect)))
        .count();
    (on_node + Grid::new(&rects).overlaps(&rects), missing)
}

fn box_overlaps(input: &Input, layout: &Layout) -> usize {
    let holders = Holders::new(input);
    let mut count = 0;
    for (at, a) in layout.boxes.iter().enumerate() {
        for b in &layout.boxes[at + 1..] {
            let nested = holders.holds(a.id, b.id) || holders.holds(b.id, a.id);
            count += usize::from(!nested && a.rect.overlaps(&b.rect));
        }
    }
    count
}

fn strays(input: &Input, layout: &Layout) -> usize {
    let holders = Holders::new(input);
    let all = layout.nodes.iter().chain(&layout.boxes);
    all.filter(|inner| {
        layout.boxes.iter().any(|outer| {
            if outer.id == inner.id || holders.holds(inner.id, outer.id) {
                return false;
            }
            // Rounding is no fault.
            let room = outer.rect.grown(0.1);
            let inside = room.holds(Point::new(inner.rect.x, inner.rect.y))
                && room.holds(Point::new(inner.rect.right(), inner.rect.bottom()));
            if holders.holds(outer.id, inner.id) {
                !inside
            } else {
                outer.rect.grown(-0.1).overlaps(&inner.rect)
            }
        })
    })
    .count()
}

/// Which boxes are around what.
struct Holders(HashMap<u64, u64>);

impl Holders {
    fn new(input: &Input) -> Self {
        let nodes = input.nodes.iter().map(|node| (node.id, node.parent));
        let boxes = input.boxes.iter().map(|spec| (spec.id, spec.parent));
        Self(
            nodes
                .chain(boxes)
                .filter_map(|(id, parent)| Some((id, parent?)))
                .collect(),
        )
    }

    fn holds(&self, area: u64, id: u64) -> bool {
        std::iter::successors(Some(id), |id| self.0.get(id).copied())
            .skip(1)
            .any(|holder| holder == area)
    }
}
