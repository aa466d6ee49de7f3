//! From the tree to a picture: columns of all levels, levels inside out, then places on the page outside in.
//!
//! A link that leaves a box goes through a port on its border. Columns fix on which side; a second pass sorts the
//! ports by where the far ends of their links came to lie.

mod assemble;

use std::collections::HashMap;

use crate::{
    InputError, Layout, Point, Size,
    columns::{self, Task},
    engine::assemble::FarEnds,
    input::Input,
    label,
    level::{Frame, HintUse, Hints, Item, LevelDrawing, LevelSpec, Link, Port, Side, Tip},
    memory::Remembered,
    tree::{ItemIndex, Tree, TreeEdge},
};

/// Distance from the page's border, for lines around the outermost items.
const PAGE_PADDING: f32 = 12.0;

/// Fewer boxes read better in one strip than folded.
const FOLD_FROM: usize = 5;

/// Draws from scratch, or holds on to what `previous` shows.
pub(crate) fn draw(input: &Input, previous: Option<&Layout>) -> Result<Layout, InputError> {
    let tree = Tree::new(input)?;
    let previous = previous.filter(|previous| !previous.memory.levels.is_empty());
    let mut layout = match previous {
        Some(previous) => {
            let engine = Engine::new(&tree, Some(previous), input.options.aspect);
            let mut layout = engine.hold();
            slide_back(&mut layout, previous);
            layout
        }
        None => from_scratch(&tree),
    };
    label::place(&tree, &mut layout);
    Ok(layout)
}

/// First passes decide how a long strip of boxes is folded; further ones sort the ports.
fn from_scratch(tree: &Tree<'_>) -> Layout {
    let aspect = tree.input.options.aspect;
    let shape = |layout: &Layout| layout.size.width / layout.size.height.max(1.0) / aspect;
    let mut engine = Engine::new(tree, None, aspect);
    let mut first = engine.first_pass();
    // Lines between boxes are not in the estimate of the size: what came out too wide is folded once more.
    let is = shape(&first.0);
    if tree.page() >= FOLD_FROM && !(0.75..=1.35).contains(&is) {
        let other = Engine::new(tree, None, aspect / is);
        let again = other.first_pass();
        if shape(&again.0).ln().abs() < is.ln().abs() {
            (engine, first) = (other, again);
        }
    }
    engine.further_passes(first)
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
            let boxes = items
                .iter()
                .filter(|&&item| tree.level_in(item).is_some())
                .count();
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
                fold: (boxes >= FOLD_FROM).then_some(aspect),
            });
            for (&item, column) in items.iter().zip(columns) {
                self.columns[item] = column;
            }
            if level != tree.page() {
                let spec = &tree.input.boxes[level];
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
            for (node, port) in [edge.from, edge.to].into_iter().zip(self.ports(edge)) {
                let Some(port) = port else { continue };
                for level in self.tree.levels_below(node, edge.level) {
                    self.ports_of[level].push(port);
                }
            }
        }
        for ports in &mut self.ports_of {
            ports.sort_unstable();
            ports.dedup();
        }
    }

    /// Where caller and callee leave their boxes; `None` for an end that has none to leave.
    fn ports(&self, edge: &TreeEdge) -> [Option<Port>; 2] {
        let sides = match self.columns[edge.items.0].cmp(&self.columns[edge.items.1]) {
            std::cmp::Ordering::Less => [Side::Right, Side::Left],
            std::cmp::Ordering::Greater => [Side::Left, Side::Right],
            std::cmp::Ordering::Equal => [Side::Right, Side::Right],
        };
        let port = |node: ItemIndex, item: ItemIndex, side| {
            (node != item).then(|| Port {
                node: self.tree.ids[node],
                side,
                edge: edge.own_way.then_some(edge.id),
            })
        };
        [
            port(edge.from, edge.items.0, sides[0]),
            port(edge.to, edge.items.1, sides[1]),
        ]
    }

    /// Everything as near as it can be to where it was.
    fn hold(&self) -> Layout {
        let levels = self.draw_levels(|level, spec| self.hints_to_hold(level, spec));
        self.assemble(levels).0
    }

    fn first_pass(&self) -> (Layout, FarEnds) {
        self.assemble(self.draw_levels(|_, _| Hints::default()))
    }

    /// Each pass turns ports further towards their far ends. Most is won by the first; small graphs can wait for three.
    fn further_passes(&self, (mut layout, mut far): (Layout, FarEnds)) -> Layout {
        let passes = match (self.tree.page(), self.tree.sizes.len()) {
            (0, _) => 0,
            (_, 0..=400) => 3,
            _ => 1,
        };
        for _ in 0..passes {
            let levels = self.draw_levels(|level, spec| self.hints_from(&layout, &far, level, spec));
            (layout, far) = self.assemble(levels);
        }
        layout
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
                let spec = &tree.input.boxes[level];
                Frame {
                    header: spec.header,
                    padding: spec.padding,
                    min_width: spec.min_width,
                }
            }
        };
        let ports = self.ports_of.get(level).cloned().unwrap_or_default();
        let tip = |item: ItemIndex, port: Option<Port>| Tip {
            vertex: local(item),
            offset: tree
                .level_in(item)
                .and_then(|inner| Some(levels[inner].as_ref()?.port_offset(port?)))
                .unwrap_or(0.0),
        };
        let mut links = Vec::with_capacity(ports.len() + self.edges_of[level].len());
        for (at, port) in ports.iter().enumerate() {
            let inner = tip(tree.holder(tree.index[&port.node], level), Some(*port));
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
            let [from_port, to_port] = self.ports(edge);
            let from = tip(edge.items.0, from_port);
            let to = tip(edge.items.1, to_port);
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
    fn hints_from(&self, layout: &Layout, far: &FarEnds, level: usize, spec: &LevelSpec) -> Hints {
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
}

impl Level {
    /// How far below the middle of the box a port is.
    fn port_offset(&self, port: Port) -> f32 {
        let at = self.spec.ports.binary_search(&port);
        at.map_or(0.0, |at| self.drawing.ports[at] - self.drawing.size.height / 2.0)
    }
}

fn port_key(port: &Port) -> u64 {
    let side = match port.side {
        Side::Left => 1,
        Side::Right => 2,
    };
    // Keys of ports and edges share one space; ids are hashes, so that a turned one is another edge's by chance only,
    // and then costs one odd hint.
    port.node.rotate_left(17) ^ port.edge.unwrap_or_default().rotate_left(31) ^ side
}
