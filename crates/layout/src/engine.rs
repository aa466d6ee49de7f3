//! From the tree to a picture: columns of all levels, levels inside out, then places on the page outside in.
//!
//! A link that leaves a box goes through a port on its border. Columns fix on which side; a second pass sorts the
//! ports by where the far ends of their links came to lie.

use std::collections::HashMap;

use crate::{
    InputError, Layout, Placed, Point, Rect, Route, Size,
    columns::{self, Task},
    input::Input,
    label,
    level::{Frame, HintUse, Hints, Item, LevelDrawing, LevelSpec, Link, Port, Side, Tip},
    memory::{Memory, Remembered},
    tree::{ItemIndex, Tree, TreeEdge},
};

/// Distance from the page's border, for lines around the outermost items.
const PAGE_PADDING: f32 = 12.0;

/// Draws from scratch, or holds on to what `previous` shows.
pub(crate) fn draw(input: &Input, previous: Option<&Layout>) -> Result<Layout, InputError> {
    let tree = Tree::new(input)?;
    let previous = previous.filter(|previous| !previous.memory.levels.is_empty());
    let aspect = input.options.aspect;
    let mut layout = Engine::new(&tree, previous, aspect).run();
    // Lines between boxes are not in the estimate of the size: what came out too wide is folded once more.
    let shape = layout.size.width / layout.size.height.max(1.0) / aspect;
    if previous.is_none() && input.boxes.len() > 5 && !(0.75..=1.35).contains(&shape) {
        let again = Engine::new(&tree, None, aspect / shape).run();
        let shape_again = again.size.width / again.size.height.max(1.0) / aspect;
        if shape_again.ln().abs() < shape.ln().abs() {
            layout = again;
        }
    }
    if let Some(previous) = previous {
        slide_back(&mut layout, previous);
    }
    label::place(&tree, &mut layout);
    Ok(layout)
}

/// Moves the whole picture so that the node in the middle of all moves does not move.
fn slide_back(layout: &mut Layout, previous: &Layout) {
    let moves: Vec<Point> = layout
        .nodes
        .iter()
        .filter_map(|now| {
            let was = previous.find_node(now.id)?;
            Some(Point::new(was.x - now.rect.x, was.y - now.rect.y))
        })
        .collect();
    if moves.is_empty() {
        return;
    }
    let median = |axis: fn(&Point) -> f32| {
        let mut values: Vec<f32> = moves.iter().map(axis).collect();
        values.sort_by(f32::total_cmp);
        values[values.len() / 2].round()
    };
    let shift = Point::new(median(|p| p.x), median(|p| p.y));
    layout.origin = layout.origin.moved(shift);
    for placed in layout.nodes.iter_mut().chain(&mut layout.boxes) {
        placed.rect = placed.rect.moved(shift);
    }
    for point in layout.edges.iter_mut().flat_map(|route| &mut route.points) {
        *point = point.moved(shift);
    }
    for level in layout.memory.levels.values_mut() {
        level.origin = level.origin.moved(shift);
    }
}

struct Engine<'a> {
    tree: &'a Tree<'a>,
    previous: Option<&'a Layout>,
    /// Column of each item in its level.
    columns: Vec<u32>,
    /// Edges that each level draws, by their numbers.
    edges_of: Vec<Vec<usize>>,
    /// Ports that each box needs, sorted.
    ports_of: Vec<Vec<Port>>,
}

/// A level with its spec.
struct Level {
    spec: LevelSpec,
    drawing: LevelDrawing,
    /// Links of edges come after those of ports, in the order of `edges_of`.
    first_edge: usize,
}

impl<'a> Engine<'a> {
    fn new(tree: &'a Tree<'a>, previous: Option<&'a Layout>, page_aspect: f32) -> Self {
        let mut edges_of = vec![Vec::new(); tree.page() + 1];
        for (at, edge) in tree.edges.iter().enumerate() {
            if edge.items.0 != edge.items.1 {
                edges_of[edge.level].push(at);
            }
        }
        let mut engine = Self {
            tree,
            previous,
            columns: vec![0; tree.ids.len()],
            edges_of,
            ports_of: vec![Vec::new(); tree.page()],
        };
        engine.assign_columns(page_aspect);
        engine.find_ports();
        engine
    }

    /// Columns inside out, because the estimated size of a box counts in the level around it.
    fn assign_columns(&mut self, page_aspect: f32) {
        let tree = self.tree;
        let options = &tree.input.options;
        let mut sizes = tree.sizes.clone();
        sizes.resize(tree.ids.len(), Size::default());
        let mut local = vec![0; tree.ids.len()];
        for &level in &tree.inside_out {
            let items = &tree.items[level];
            for (at, &item) in items.iter().enumerate() {
                local[item] = at;
            }
            let edges: Vec<(usize, usize)> = self.edges_of[level]
                .iter()
                .map(|&edge| tree.edges[edge].items)
                .map(|(a, b)| (local[a], local[b]))
                .collect();
            let known: Vec<Option<u32>> = items.iter().map(|&item| self.known_column(item)).collect();
            let has_boxes = items.iter().any(|&item| tree.level_in(item).is_some());
            let aspect = if level == tree.page() {
                page_aspect
            } else {
                options.aspect
            };
            let (columns, size) = columns::assign(&Task {
                sizes: &items.iter().map(|&item| sizes[item]).collect::<Vec<_>>(),
                edges: &edges,
                known: &known,
                node_gap: options.node_gap,
                column_gap: options.column_gap,
                fold: has_boxes.then_some(aspect),
            });
            for (&item, column) in items.iter().zip(columns) {
                self.columns[item] = column;
            }
            if level != tree.page() {
                let spec = &tree.input.boxes[tree.boxes[level]];
                sizes[tree.item_of(level)] = Size::new(
                    (size.width + 2.0 * spec.padding).max(spec.min_width),
                    size.height + spec.header + spec.padding,
                );
            }
        }
    }

    fn known_column(&self, item: ItemIndex) -> Option<u32> {
        let columns = &self.previous?.memory.columns;
        columns.get(&self.tree.ids[item]).copied()
    }

    fn find_ports(&mut self) {
        for edge in &self.tree.edges {
            for (node, side) in self.crossed(edge) {
                for level in self.tree.levels_below(node, edge.level) {
                    self.ports_of[level].push(Port {
                        node: self.tree.ids[node],
                        side,
                    });
                }
            }
        }
        for ports in &mut self.ports_of {
            ports.sort_unstable();
            ports.dedup();
        }
    }

    /// On which side caller and callee leave their boxes.
    fn sides(&self, edge: &TreeEdge) -> (Side, Side) {
        match self.columns[edge.items.0].cmp(&self.columns[edge.items.1]) {
            std::cmp::Ordering::Less => (Side::Right, Side::Left),
            std::cmp::Ordering::Greater => (Side::Left, Side::Right),
            std::cmp::Ordering::Equal => (Side::Right, Side::Right),
        }
    }

    /// The ends of an edge that have boxes to leave, with the side.
    fn crossed(&self, edge: &TreeEdge) -> impl Iterator<Item = (ItemIndex, Side)> + use<> {
        let (from, to) = self.sides(edge);
        let ends = [
            (edge.from, from, edge.items.0 != edge.from),
            (edge.to, to, edge.items.1 != edge.to),
        ];
        ends.into_iter()
            .filter(|(_, _, leaves)| *leaves)
            .map(|(node, side, _)| (node, side))
    }

    fn run(&self) -> Layout {
        if self.previous.is_some() {
            let levels = self.draw_levels(|level, spec| self.hints_to_hold(level, spec));
            return self.assemble(levels).0;
        }
        let levels = self.draw_levels(|_, _| Hints::default());
        let (layout, far) = self.assemble(levels);
        if self.tree.page() == 0 {
            return layout;
        }
        let levels = self.draw_levels(|level, spec| self.hints_from(&layout, &far, level, spec));
        self.assemble(levels).0
    }

    fn draw_levels(&self, hints: impl Fn(usize, &LevelSpec) -> Hints) -> Vec<Option<Level>> {
        let mut levels: Vec<Option<Level>> = (0..=self.tree.page()).map(|_| None).collect();
        for &level in &self.tree.inside_out {
            let (spec, first_edge) = self.spec(level, &levels);
            let kept = self
                .remembered(level)
                .filter(|remembered| remembered.spec == spec)
                .map(|remembered| remembered.drawing.clone());
            let drawing = kept.unwrap_or_else(|| spec.draw(&hints(level, &spec)));
            levels[level] = Some(Level {
                spec,
                drawing,
                first_edge,
            });
        }
        levels
    }

    fn box_id(&self, level: usize) -> Option<u64> {
        (level != self.tree.page()).then(|| self.tree.ids[self.tree.item_of(level)])
    }

    fn remembered(&self, level: usize) -> Option<&Remembered> {
        self.previous?.memory.levels.get(&self.box_id(level))
    }

    /// What a level draws, and the number of its first link that is no port's.
    fn spec(&self, level: usize, levels: &[Option<Level>]) -> (LevelSpec, usize) {
        let tree = self.tree;
        let items = &tree.items[level];
        let local = |item: ItemIndex| items.partition_point(|&other| other < item);
        let frame = match level {
            page if page == tree.page() => Frame {
                padding: PAGE_PADDING,
                ..Frame::default()
            },
            _ => {
                let spec = &tree.input.boxes[tree.boxes[level]];
                Frame {
                    header: spec.header,
                    padding: spec.padding,
                    min_width: spec.min_width,
                }
            }
        };
        let ports = self.ports_of.get(level).cloned().unwrap_or_default();
        let tip = |item: ItemIndex, node: u64, side: Side| Tip {
            vertex: local(item),
            offset: tree
                .level_in(item)
                .and_then(|inner| levels[inner].as_ref())
                .map_or(0.0, |inner| inner.port_offset(Port { node, side })),
        };
        let mut links = Vec::with_capacity(ports.len() + self.edges_of[level].len());
        for (at, port) in ports.iter().enumerate() {
            // Nodes are sorted by id, so that the port's node is found by its id.
            let node = tree.ids[..tree.sizes.len()].partition_point(|&id| id < port.node);
            let inner = tip(tree.holder(node, level), port.node, port.side);
            let border = Tip {
                vertex: items.len() + at,
                offset: 0.0,
            };
            let (from, to) = match port.side {
                Side::Left => (border, inner),
                Side::Right => (inner, border),
            };
            links.push(Link {
                key: port_key(port),
                from,
                to,
                reversed: false,
            });
        }
        for &edge in &self.edges_of[level] {
            let edge = &tree.edges[edge];
            let (from_side, to_side) = self.sides(edge);
            let from = tip(edge.items.0, tree.ids[edge.from], from_side);
            let to = tip(edge.items.1, tree.ids[edge.to], to_side);
            let reversed = self.columns[edge.items.0] > self.columns[edge.items.1];
            let (from, to) = if reversed { (to, from) } else { (from, to) };
            links.push(Link {
                key: edge.id,
                from,
                to,
                reversed,
            });
        }
        let spec = LevelSpec {
            frame,
            items: items
                .iter()
                .map(|&item| Item {
                    id: tree.ids[item],
                    size: match tree.level_in(item) {
                        None => tree.sizes[item],
                        Some(inner) => levels[inner]
                            .as_ref()
                            .map(|inner| inner.drawing.size)
                            .unwrap_or_default(),
                    },
                    column: self.columns[item],
                    is_box: tree.level_in(item).is_some(),
                })
                .collect(),
            links,
            options: tree.input.options,
            ports,
        };
        let first_edge = spec.ports.len();
        (spec, first_edge)
    }

    /// Hints from the picture on screen.
    fn hints_to_hold(&self, level: usize, spec: &LevelSpec) -> Hints {
        let Some(previous) = self.previous else {
            return Hints::default();
        };
        let remembered = self.remembered(level);
        let old_port = |port: &Port| {
            let old = remembered?;
            let at = old.spec.ports.binary_search(port).ok()?;
            Some(old.origin.y + old.drawing.ports[at])
        };
        let items = spec.items.iter().map(|item| {
            let rect = previous
                .find_node(item.id)
                .or_else(|| previous.find_box(item.id))?;
            Some(rect.middle().y)
        });
        let lanes = remembered
            .map(|old| {
                let on_page = |lane: &Vec<f32>| lane.iter().map(|y| y + old.origin.y).collect();
                spec.links
                    .iter()
                    .filter_map(|link| Some((link.key, on_page(old.drawing.lanes.get(&link.key)?))))
                    .collect()
            })
            .unwrap_or_default();
        Hints {
            heights: items.chain(spec.ports.iter().map(old_port)).collect(),
            lanes,
            use_as: HintUse::Hold,
        }
    }

    /// Hints from the first pass: ports by the far ends of their links.
    fn hints_from(
        &self,
        layout: &Layout,
        far: &HashMap<(usize, Port), f32>,
        level: usize,
        spec: &LevelSpec,
    ) -> Hints {
        let items = spec.items.iter().map(|item| {
            let rect = layout.find_node(item.id).or_else(|| layout.find_box(item.id))?;
            Some(rect.middle().y)
        });
        let ports = spec.ports.iter().map(|port| far.get(&(level, *port)).copied());
        Hints {
            heights: items.chain(ports).collect(),
            lanes: HashMap::new(),
            use_as: HintUse::Seed,
        }
    }

    /// Places on the page, joined routes, and for every port the mean height of its far ends.
    fn assemble(&self, levels: Vec<Option<Level>>) -> (Layout, HashMap<(usize, Port), f32>) {
        let tree = self.tree;
        let levels: Vec<Level> = levels.into_iter().flatten().collect();
        let mut origins = vec![Point::default(); levels.len()];
        let mut rects = vec![Rect::default(); tree.ids.len()];
        for &level in tree.inside_out.iter().rev() {
            for (&item, place) in tree.items[level].iter().zip(&levels[level].drawing.items) {
                let at = place.moved(origins[level]);
                let size = match tree.level_in(item) {
                    None => tree.sizes[item],
                    Some(inner) => {
                        origins[inner] = at;
                        levels[inner].drawing.size
                    }
                };
                rects[item] = Rect::new(at.x, at.y, size.width, size.height);
            }
        }
        let mut far: HashMap<(usize, Port), (f32, f32)> = HashMap::new();
        let mut edges = Vec::with_capacity(tree.edges.len());
        let mut next = vec![0; levels.len()];
        for edge in &tree.edges {
            let points = if edge.items.0 == edge.items.1 {
                self_loop(&rects[edge.from])
            } else {
                let level = &levels[edge.level];
                let link = level.first_edge + next[edge.level];
                next[edge.level] += 1;
                let middle = on_page(&level.drawing.routes[link], origins[edge.level]);
                let (from_side, to_side) = self.sides(edge);
                for (node, side, leaves, height) in [
                    (
                        edge.from,
                        from_side,
                        edge.items.0 != edge.from,
                        first_turn(middle.iter()),
                    ),
                    (
                        edge.to,
                        to_side,
                        edge.items.1 != edge.to,
                        first_turn(middle.iter().rev()),
                    ),
                ] {
                    if leaves {
                        let port = Port {
                            node: tree.ids[node],
                            side,
                        };
                        for level in tree.levels_below(node, edge.level) {
                            let sum = far.entry((level, port)).or_default();
                            sum.0 += height;
                            sum.1 += 1.0;
                        }
                    }
                }
                let mut points = Vec::new();
                if edge.items.0 != edge.from {
                    for level in tree.levels_below(edge.from, edge.level) {
                        let mut way = levels[level].port_way(tree.ids[edge.from], from_side, origins[level]);
                        if from_side == Side::Left {
                            way.reverse();
                        }
                        points.extend(way);
                    }
                }
                points.extend(middle);
                if edge.items.1 != edge.to {
                    let inwards: Vec<usize> = tree.levels_below(edge.to, edge.level).collect();
                    for &level in inwards.iter().rev() {
                        let mut way = levels[level].port_way(tree.ids[edge.to], to_side, origins[level]);
                        if to_side == Side::Right {
                            way.reverse();
                        }
                        points.extend(way);
                    }
                }
                tidy(points)
            };
            edges.push(Route {
                id: edge.id,
                points,
                label: None,
            });
        }
        let placed = |range: std::ops::Range<usize>| {
            range
                .map(|item| Placed {
                    id: tree.ids[item],
                    rect: rects[item],
                })
                .collect()
        };
        let layout = Layout {
            size: levels[tree.page()].drawing.size,
            origin: Point::default(),
            nodes: placed(0..tree.sizes.len()),
            boxes: placed(tree.sizes.len()..tree.ids.len()),
            edges,
            memory: self.remember(levels, &origins),
        };
        let far = far
            .into_iter()
            .map(|(port, (sum, count))| (port, sum / count))
            .collect();
        (layout, far)
    }

    fn remember(&self, levels: Vec<Level>, origins: &[Point]) -> Memory {
        Memory {
            columns: self
                .tree
                .ids
                .iter()
                .copied()
                .zip(self.columns.iter().copied())
                .collect(),
            levels: levels
                .into_iter()
                .enumerate()
                .map(|(at, level)| {
                    let remembered = Remembered {
                        spec: level.spec,
                        drawing: level.drawing,
                        origin: origins[at],
                    };
                    (self.box_id(at), remembered)
                })
                .collect(),
        }
    }
}

impl Level {
    /// How far below the middle of the box a port is.
    fn port_offset(&self, port: Port) -> f32 {
        let at = self.spec.ports.binary_search(&port);
        at.map_or(0.0, |at| self.drawing.ports[at] - self.drawing.size.height / 2.0)
    }

    /// The way between a port and its node's side of the level, from left to right.
    fn port_way(&self, node: u64, side: Side, origin: Point) -> Vec<Point> {
        // Links of ports come first, in the order of ports.
        let at = self.spec.ports.binary_search(&Port { node, side });
        at.map_or_else(|_| Vec::new(), |at| on_page(&self.drawing.routes[at], origin))
    }
}

fn port_key(port: &Port) -> u64 {
    let side = match port.side {
        Side::Left => 1,
        Side::Right => 2,
    };
    // Keys of ports and edges share one space; ids are hashes, so that a turned one is another edge's by chance only,
    // and then costs one odd hint.
    port.node.rotate_left(17) ^ side
}

fn on_page(points: &[Point], origin: Point) -> Vec<Point> {
    points.iter().map(|point| point.moved(origin)).collect()
}

/// Height to which a way turns first.
fn first_turn<'a>(mut points: impl Iterator<Item = &'a Point>) -> f32 {
    let start = points.next().map_or(0.0, |point| point.y);
    points
        .map(|point| point.y)
        .find(|y| (y - start).abs() > 0.5)
        .unwrap_or(start)
}

/// A call of a node to itself: a small loop at its upper right corner.
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
