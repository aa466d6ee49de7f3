//! From drawn levels to the page: places, and ways joined from the pieces that each level drew.

use super::{Engine, Level, Pass};
use crate::{
    Layout, Placed, Point, Rect, Route,
    level::{Port, Side},
    memory::{Memory, Remembered},
    sort::{Index, by_key},
    tree::{ItemIndex, TreeEdge},
};

/// Heights to which the edges of a port turn, by level and number of the port.
pub(super) type FarEnds = Vec<Vec<Vec<f32>>>;

/// Levels with their upper left corners on the page.
struct Page {
    levels: Vec<Level>,
    origins: Vec<Point>,
    rects: Vec<Rect>,
}

impl Engine<'_> {
    /// Places on the page, joined routes, and where the far ends of ports are.
    pub(super) fn assemble(&self, levels: Vec<Option<Level>>) -> Pass {
        let tree = self.tree;
        let page = self.place(levels.into_iter().flatten().collect());
        let crossings = page.levels.iter().map(|level| level.kept.drawing.crossings).sum();
        let mut far: FarEnds = self
            .ports_of
            .iter()
            .map(|ports| vec![Vec::new(); ports.len()])
            .collect();
        let mut edges: Vec<Route> = Vec::with_capacity(tree.edges.len());
        let mut next = vec![0; page.levels.len()];
        for edge in &tree.edges {
            let points = if edge.items.0 == edge.items.1 {
                self_loop(&page.rects[edge.from])
            } else {
                let level = &page.levels[edge.level];
                let link = level.first_edge + next[edge.level];
                next[edge.level] += 1;
                let middle = on_page(&level.kept.drawing.routes[link], page.origins[edge.level]);
                self.note_far_ends(edge, &middle, &mut far);
                self.join(edge, middle, &page)
            };
            edges.push(Route {
                id: edge.id,
                points,
                label: None,
            });
        }
        let order = by_key(edges.len(), |at| edges[at].id);
        let edges = order
            .into_iter()
            .map(|at| std::mem::take(&mut edges[at as usize]))
            .collect();
        let placed = |range: std::ops::Range<ItemIndex>| {
            let order = by_key(range.len(), |at| tree.ids[range.start + at]).into_iter();
            order
                .map(|at| range.start + at as usize)
                .map(|item| Placed {
                    id: tree.ids[item],
                    rect: page.rects[item],
                })
                .collect()
        };
        let layout = Layout {
            size: page.levels[tree.page()].kept.drawing.size,
            origin: Point::default(),
            nodes: placed(0..tree.sizes.len()),
            boxes: placed(tree.sizes.len()..tree.ids.len()),
            edges,
            memory: self.remember(page),
        };
        Pass {
            layout,
            far,
            crossings,
        }
    }

    /// Outside in: each level tells where its boxes are.
    fn place(&self, levels: Vec<Level>) -> Page {
        let tree = self.tree;
        let mut origins = vec![Point::default(); levels.len()];
        let mut rects = vec![Rect::default(); tree.ids.len()];
        for &level in tree.inside_out.iter().rev() {
            for (&item, place) in tree.items[level].iter().zip(&levels[level].kept.drawing.items) {
                let at = place.moved(origins[level]);
                let size = match tree.level_in(item) {
                    None => tree.sizes[item],
                    Some(inner) => {
                        origins[inner] = at;
                        levels[inner].kept.drawing.size
                    }
                };
                rects[item] = Rect::new(at.x, at.y, size.width, size.height);
            }
        }
        Page {
            levels,
            origins,
            rects,
        }
    }

    fn note_far_ends(&self, edge: &TreeEdge, middle: &[Point], far: &mut FarEnds) {
        let [from, to] = self.ports(edge);
        for (node, port, height) in [
            (edge.from, from, first_turn(middle.iter())),
            (edge.to, to, first_turn(middle.iter().rev())),
        ] {
            let Some(port) = port else { continue };
            for level in self.tree.levels_below(node, edge.level) {
                if let Ok(at) = self.ports_of[level].binary_search(&port) {
                    far[level][at].push(height);
                }
            }
        }
    }

    /// The whole way: out of the caller's boxes, through the level that holds both ends, into the callee's boxes.
    fn join(&self, edge: &TreeEdge, middle: Vec<Point>, page: &Page) -> Vec<Point> {
        let [from, to] = self.ports(edge);
        let mut points = Vec::new();
        if let Some(port) = from {
            for level in self.tree.levels_below(edge.from, edge.level) {
                let mut way = page.port_way(level, port);
                if port.side == Side::Left {
                    way.reverse();
                }
                points.extend(way);
            }
        }
        points.extend(middle);
        if let Some(port) = to {
            let outwards: Vec<usize> = self.tree.levels_below(edge.to, edge.level).collect();
            for &level in outwards.iter().rev() {
                let mut way = page.port_way(level, port);
                if port.side == Side::Right {
                    way.reverse();
                }
                points.extend(way);
            }
        }
        tidy(points)
    }

    fn remember(&self, page: Page) -> Memory {
        let levels: Vec<Remembered> = page
            .levels
            .into_iter()
            .zip(page.origins)
            .enumerate()
            .map(|(at, (level, origin))| Remembered {
                area: self.box_id(at),
                kept: level.kept,
                origin,
            })
            .collect();
        let previous = self.previous.map(|previous| &previous.memory);
        Memory {
            items: Index::new(self.tree.ids.iter().copied()),
            columns: self.columns.clone(),
            boxes: Index::new(self.tree.input.boxes.iter().map(|spec| spec.id)),
            earlier: previous.map_or_else(Vec::new, |previous| previous.outdated_by(&levels)),
            levels,
        }
    }
}

impl Page {
    /// The way between a port and its node's side of the level, from left to right.
    fn port_way(&self, level: usize, port: Port) -> Vec<Point> {
        let (level, origin) = (&self.levels[level], self.origins[level]);
        // Links of ports come first, in the order of ports.
        let at = level.kept.spec.ports.binary_search(&port);
        at.map_or_else(
            |_| Vec::new(),
            |at| on_page(&level.kept.drawing.routes[at], origin),
        )
    }
}

fn on_page(points: &[Point], origin: Point) -> Vec<Point> {
    points.iter().map(|point| point.moved(origin)).collect()
}

/// Where a way goes from its start, as a height: to where it turns first. A call within a column comes back on the side
/// where it left: it goes beyond all others, those with farther ends nearer to them, so that none of these calls cross.
fn first_turn<'a>(mut points: impl Iterator<Item = &'a Point>) -> f32 {
    /// Beyond every picture.
    const BEYOND: f32 = 4e6;
    let Some(&start) = points.next() else { return 0.0 };
    let mut last = start;
    for &point in points {
        if (point.y - start.y).abs() > 0.5 {
            let is_upright = (point.x - last.x).abs() < 0.01;
            return match point.y > start.y {
                _ if !is_upright => point.y,
                true => BEYOND - point.y,
                false => -BEYOND - point.y,
            };
        }
        last = point;
    }
    start.y
}

/// A call of a node to itself: a small loop at its right side.
fn self_loop(rect: &Rect) -> Vec<Point> {
    let (right, upper) = (rect.right(), rect.y + rect.height * 0.25);
    let lower = rect.y + rect.height * 0.75;
    vec![
        Point::new(right, upper),
        Point::new(right + 14.0, upper),
        Point::new(right + 14.0, lower),
        Point::new(right, lower),
    ]
}

/// Drops points that repeat and points within a level line.
fn tidy(points: Vec<Point>) -> Vec<Point> {
    let mut tidy: Vec<Point> = Vec::with_capacity(points.len());
    for point in points {
        if let Some(last) = tidy.last()
            && last.distance(point) < 0.05
        {
            continue;
        }
        if let [.., before, last] = tidy[..]
            && (before.y - last.y).abs() < 0.05
            && (last.y - point.y).abs() < 0.05
            && (last.x - before.x) * (point.x - last.x) >= 0.0
        {
            tidy.pop();
        }
        tidy.push(point);
    }
    tidy
}
