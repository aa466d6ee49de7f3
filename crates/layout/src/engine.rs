//! From the tree to a picture: columns of all levels, levels inside out, then places on the page outside in.
//!
//! A link that leaves a box goes through a port on its border. Columns fix on which side; a second pass sorts the
//! ports by where the far ends of their links came to lie.

mod assemble;

use std::sync::Arc;

use crate::{
    InputError, Layout, Point, Size,
    columns::{self, Task},
    engine::assemble::FarEnds,
    input::Input,
    label,
    level::{Frame, HintUse, Hints, Item, LevelSpec, Link, Port, Side, Tip},
    memory::{Kept, Remembered},
    sort::{by_key, median},
    tree::{ItemIndex, Tree, TreeEdge},
};

/// Distance from the page's border, for lines around the outermost items.
const PAGE_PADDING: f32 = 12.0;

/// Fewer boxes read better in one strip than folded.
const FOLD_FROM: usize = 4;

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
        None => {
            let first = from_scratch(&tree);
            if input.nodes.iter().any(|node| node.pin.is_some()) {
                Engine::new(&tree, Some(&first), input.options.aspect).hold()
            } else {
                first
            }
        }
    };
    label::place(&tree, &mut layout);
    Ok(layout)
}

/// First passes decide how a long strip of boxes is folded; further ones sort the ports.
fn from_scratch(tree: &Tree<'_>) -> Layout {
    let aspect = tree.input.options.aspect;
    let mut best = Attempt::new(Engine::new(tree, None, aspect));
    if tree.page() >= FOLD_FROM {
        // Lines between boxes are not in the estimate of the size: what came out too wide is folded once more.
        if !(0.75..=1.35).contains(&best.shape) {
            let other = Attempt::new(Engine::new(tree, None, aspect / best.shape));
            best = best.or(other);
        }
        if let Some(engine) = best.rearranged() {
            best = best.or(Attempt::new(engine));
        }
    }
    best.engine.further_passes(best.pass).layout
}

/// A first picture with one assignment of columns.
struct Attempt<'a> {
    engine: Engine<'a>,
    pass: Pass,
    /// Width : height as a factor of what is wanted.
    shape: f32,
    badness: f32,
}

impl<'a> Attempt<'a> {
    fn new(engine: Engine<'a>) -> Self {
        let mut pass = engine.first_pass();
        if engine.is_small() && !engine.hurries && engine.tree.page() >= FOLD_FROM {
            pass = engine.next_pass(&pass);
        }
        let length = pass.layout.edges.iter().map(crate::Route::length).sum();
        let (shape, badness) = engine.judge(pass.layout.size, pass.crossings, length);
        Self {
            engine,
            pass,
            shape,
            badness,
        }
    }

    fn or(self, other: Self) -> Self {
        if other.badness < self.badness { other } else { self }
    }

    /// Moves single boxes to other columns while the picture, drawn in haste, gets better. `None` where nothing does, or
    /// where that would take too long.
    fn rearranged(&self) -> Option<Engine<'a>> {
        /// Items and links that are drawn at most in one round of tries, and rounds.
        const WORK: usize = 20_000;
        const ROUNDS: usize = 3;
        let tree = self.engine.tree;
        let page = tree.page();
        let items = &tree.items[page];
        let last = self.engine.last_column[page];
        let tries = items.len() * (last as usize + 2);
        if tries * (self.engine.edges_of[page].len() + items.len()) > WORK {
            return None;
        }
        let remembered = self.pass.layout.memory.levels.iter();
        let levels: Vec<Option<Level>> = remembered
            .map(|old| Some(Level::new(Arc::clone(&old.kept))))
            .collect();
        // The page alone tells about as much as the whole, which only the smallest graphs have the time to draw.
        let draws_all = tries * (tree.edges.len() + tree.sizes.len()) <= WORK / 3;
        let badness = |engine: &mut Engine<'a>| {
            if draws_all {
                engine.find_ports();
                Attempt::new(engine.clone()).badness
            } else {
                engine.try_page(&levels)
            }
        };
        let mut engine = self.engine.clone();
        engine.hurries = true;
        let mut least = badness(&mut engine);
        let mut moved = false;
        for _ in 0..ROUNDS {
            let before = least;
            for &item in items {
                for column in 0..=last + 1 {
                    let was = std::mem::replace(&mut engine.columns[item], column);
                    let tried = if was == column {
                        least
                    } else {
                        badness(&mut engine)
                    };
                    if tried < least {
                        least = tried;
                        moved = true;
                    } else {
                        engine.columns[item] = was;
                    }
                }
            }
            if least == before {
                break;
            }
        }
        engine.hurries = false;
        engine.find_ports();
        moved.then_some(engine)
    }
}

/// Moves the whole picture so that the node in the middle of all moves does not move. A page that looks as it did before
/// stands where it did.
fn slide_back(layout: &mut Layout, previous: &Layout) {
    let memory = &previous.memory;
    let known = memory.levels.last().into_iter().chain(memory.earlier(None));
    let page = layout.memory.levels.last();
    let same = known
        .into_iter()
        .find(|old| page.is_some_and(|page| Arc::ptr_eq(&page.kept, &old.kept)));
    let shift = same.map_or_else(|| middle_move(layout, previous), |same| same.origin);
    layout.origin = layout.origin.moved(shift);
    for placed in layout.nodes.iter_mut().chain(&mut layout.boxes) {
        placed.rect = placed.rect.moved(shift);
    }
    for point in layout.edges.iter_mut().flat_map(|route| &mut route.points) {
        *point = point.moved(shift);
    }
    for level in &mut layout.memory.levels {
        level.origin = level.origin.moved(shift);
    }
}

/// A whole drawing, and what the next one wants to know of it.
struct Pass {
    layout: Layout,
    /// Where the far ends of ports are.
    far: FarEnds,
    /// Sum over all levels.
    crossings: u64,
}

/// The way back of the node that has half of the moves on either side.
fn middle_move(layout: &Layout, previous: &Layout) -> Point {
    let moves: Vec<Point> = layout
        .nodes
        .iter()
        .filter_map(|now| {
            let was = previous.find_node(now.id)?;
            Some(Point::new(was.x - now.rect.x, was.y - now.rect.y))
        })
        .collect();
    let middle = |axis: fn(&Point) -> f32| {
        let values: Vec<f32> = moves.iter().map(axis).collect();
        median(&values).unwrap_or(0.0).round()
    };
    Point::new(middle(|p| p.x), middle(|p| p.y))
}

#[derive(Clone)]
struct Engine<'a> {
    tree: &'a Tree<'a>,
    previous: Option<&'a Layout>,
    /// Column of each item in its level.
    columns: Vec<u32>,
    /// Last column of each level.
    last_column: Vec<u32>,
    /// Edges that each level draws, by their numbers.
    edges_of: Vec<Vec<usize>>,
    /// Ports that each box needs, sorted.
    ports_of: Vec<Vec<Port>>,
    /// How many edges go through each of them.
    weights_of: Vec<Vec<u32>>,
    /// Whether drawings are only compared with others.
    hurries: bool,
}

/// A drawn level.
struct Level {
    kept: Arc<Kept>,
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
            last_column: vec![0; tree.page() + 1],
            edges_of,
            ports_of: vec![Vec::new(); tree.page() + 1],
            weights_of: vec![Vec::new(); tree.page() + 1],
            hurries: false,
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
            self.last_column[level] = columns.iter().copied().max().unwrap_or(0);
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

    /// Where an item was put by hand. A first picture is drawn without: it tells where columns are.
    fn pin(&self, item: ItemIndex) -> Option<Point> {
        self.previous?;
        self.tree.input.nodes.get(item)?.pin
    }

    /// The column that is nearest to where an item was put, unless it is there already.
    fn pinned_column(&self, item: ItemIndex) -> Option<u32> {
        let pin = self.pin(item)?;
        let Kept { spec, drawing } = &*self.remembered(self.tree.level_of[item])?.kept;
        let id = self.tree.ids[item];
        let others = spec.items.iter().zip(&drawing.items);
        let (mut nearest, mut end) = (None, (0, 0f32));
        for (other, place) in others {
            if other.id == id {
                if other.pin == Some(pin) {
                    return None;
                }
                continue;
            }
            let distance = (place.x + other.size.width / 2.0 - pin.x).abs();
            if nearest.is_none_or(|(least, _)| distance < least) {
                nearest = Some((distance, other.column));
            }
            end = (end.0.max(other.column + 1), end.1.max(place.x + other.size.width));
        }
        let (_, column) = nearest?;
        let beyond = pin.x > end.1 + self.tree.input.options.column_gap / 2.0;
        Some(if beyond { end.0 } else { column })
    }

    fn known_column(&self, item: ItemIndex) -> Option<u32> {
        if let Some(column) = self.pinned_column(item) {
            return Some(column);
        }
        let memory = &self.previous?.memory;
        let id = self.tree.ids[item];
        if let Some(at) = memory.items.find(id) {
            return Some(memory.columns[at]);
        }
        // What was in a collapsed box comes back to where it was.
        let level = memory.earlier(self.box_id(self.tree.level_of[item])).next()?;
        let item = level.kept.spec.items.iter().find(|item| item.id == id)?;
        Some(item.column)
    }

    fn find_ports(&mut self) {
        self.ports_of.iter_mut().for_each(Vec::clear);
        self.weights_of.iter_mut().for_each(Vec::clear);
        for edge in &self.tree.edges {
            for (node, port) in [edge.from, edge.to].into_iter().zip(self.ports(edge)) {
                let Some(port) = port else { continue };
                for level in self.tree.levels_below(node, edge.level) {
                    self.ports_of[level].push(port);
                }
            }
        }
        for (ports, weights) in self.ports_of.iter_mut().zip(&mut self.weights_of) {
            sort_ports(ports);
            let mut different: Vec<Port> = Vec::new();
            for port in ports.drain(..) {
                if different.last() == Some(&port) {
                    *weights.last_mut().expect("each port has a weight") += 1;
                } else {
                    different.push(port);
                    weights.push(1);
                }
            }
            *ports = different;
        }
    }

    /// Where caller and callee leave their boxes; `None` for an end that has none to leave.
    fn ports(&self, edge: &TreeEdge) -> [Option<Port>; 2] {
        let sides = match self.columns[edge.items.0].cmp(&self.columns[edge.items.1]) {
            std::cmp::Ordering::Less => [Side::Right, Side::Left],
            std::cmp::Ordering::Greater => [Side::Left, Side::Right],
            std::cmp::Ordering::Equal => [self.flat_side(edge); 2],
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

    /// The side on which a call within a column runs: that to which both ends are nearer within their boxes.
    fn flat_side(&self, edge: &TreeEdge) -> Side {
        let mut steps = 0;
        for node in [edge.from, edge.to] {
            let mut item = node;
            for level in self.tree.levels_below(node, edge.level) {
                steps += 2 * self.columns[item] as i32 - self.last_column[level] as i32;
                item = self.tree.item_of(level);
            }
        }
        if steps < 0 { Side::Left } else { Side::Right }
    }

    /// Everything as near as it can be to where it was.
    fn hold(&self) -> Layout {
        let levels = self.draw_levels(|level, spec| self.hints_to_hold(level, spec));
        self.assemble(levels).layout
    }

    fn first_pass(&self) -> Pass {
        // Small graphs have time, and gain by it.
        let is_draft = self.further_pass_count() == 1;
        let hints = |level, _: &LevelSpec| Hints {
            is_draft: self.hurries || is_draft && level != self.tree.page(),
            ..self.first_hints(level)
        };
        self.assemble(self.draw_levels(hints))
    }

    /// Each pass turns ports further towards their far ends; the best one counts. Most is won by the first; small graphs
    /// can wait for more.
    fn further_passes(&self, first: Pass) -> Pass {
        let (mut best, mut last) = (None, first);
        for _ in 0..self.further_pass_count() {
            let levels =
                self.draw_levels(|level, spec| self.hints_from(&last.layout, &last.far, level, spec));
            let next = self.assemble(levels);
            let before = std::mem::replace(&mut last, next);
            if best
                .as_ref()
                .is_none_or(|best: &Pass| before.crossings < best.crossings)
            {
                best = Some(before);
            }
        }
        best.filter(|best| best.crossings < last.crossings)
            .unwrap_or(last)
    }

    fn next_pass(&self, last: &Pass) -> Pass {
        self.assemble(self.draw_levels(|level, spec| self.hints_from(&last.layout, &last.far, level, spec)))
    }

    fn further_pass_count(&self) -> usize {
        match self.tree.page() {
            0 => 0,
            _ if self.is_small() => 4,
            _ => 1,
        }
    }

    /// Whether there is time to try more than one way.
    fn is_small(&self) -> bool {
        self.tree.sizes.len() <= 400
    }

    fn draw_levels(&self, hints: impl Fn(usize, &LevelSpec) -> Hints) -> Vec<Option<Level>> {
        let mut levels: Vec<Option<Level>> = (0..=self.tree.page()).map(|_| None).collect();
        for &level in &self.tree.inside_out {
            let spec = self.spec(level, &levels);
            let kept = self.find_kept(level, &spec);
            let kept = kept.unwrap_or_else(|| {
                let drawing = spec.draw(&hints(level, &spec));
                Arc::new(Kept { spec, drawing })
            });
            levels[level] = Some(Level::new(kept));
        }
        levels
    }

    fn box_id(&self, level: usize) -> Option<u64> {
        (level != self.tree.page()).then(|| self.tree.ids[self.tree.item_of(level)])
    }

    fn remembered(&self, level: usize) -> Option<&Remembered> {
        let memory = &self.previous?.memory;
        match self.box_id(level) {
            Some(id) => memory.levels.get(memory.boxes.find(id)?),
            None => memory.levels.last(),
        }
    }

    /// The drawing of a level that is on screen, or was not long ago, when the same is to be drawn.
    fn find_kept(&self, level: usize, spec: &LevelSpec) -> Option<Arc<Kept>> {
        let earlier = self
            .previous
            .map(|previous| previous.memory.earlier(self.box_id(level)));
        self.remembered(level)
            .into_iter()
            .chain(earlier.into_iter().flatten())
            .map(|remembered| &remembered.kept)
            .find(|kept| kept.spec == *spec)
            .cloned()
    }

    /// How bad the page alone would be, between boxes as they are drawn now.
    fn try_page(&self, levels: &[Option<Level>]) -> f32 {
        let spec = self.spec(self.tree.page(), levels);
        let hints = Hints {
            is_draft: true,
            ..Hints::default()
        };
        let drawing = spec.draw(&hints);
        let length = drawing
            .routes
            .iter()
            .map(|points| crate::picture::length(points))
            .sum();
        // Calls to the left read worse, as if they crossed one call more.
        let reversed = spec.links.iter().filter(|link| link.reversed).count();
        self.judge(drawing.size, drawing.crossings + reversed as u64, length)
            .1
    }

    /// Width : height as a factor of what is wanted, and how bad a picture is: crossings and long lines are, and a page
    /// that is much wider or higher than wanted.
    fn judge(&self, size: Size, crossings: u64, length: f32) -> (f32, f32) {
        let shape = size.width / size.height.max(1.0) / self.tree.input.options.aspect;
        let off = (shape / 1.25).max(0.8 / shape).max(1.0);
        (shape, (crossings as f32 + 1.0) * (length + 1.0) * off.powi(4))
    }

    /// What a level draws.
    fn spec(&self, level: usize, levels: &[Option<Level>]) -> LevelSpec {
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
        let ports = self.ports_of[level].clone();
        let tip = |item: ItemIndex, port: Option<Port>| Tip {
            vertex: local(item),
            offset: tree
                .level_in(item)
                .and_then(|inner| Some(levels[inner].as_ref()?.port_offset(port?)))
                .unwrap_or(0.0),
        };
        let mut links = Vec::with_capacity(ports.len() + self.edges_of[level].len());
        for (at, port) in ports.iter().enumerate() {
            let inner = tip(tree.holder(tree.at(port.node), level), Some(*port));
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
                flat: Side::Right,
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
                flat: self.flat_side(edge),
            });
        }
        LevelSpec {
            frame,
            items: items
                .iter()
                .map(|&item| Item {
                    id: tree.ids[item],
                    size: match tree.level_in(item) {
                        None => tree.sizes[item],
                        Some(inner) => levels[inner]
                            .as_ref()
                            .map(|inner| inner.kept.drawing.size)
                            .unwrap_or_default(),
                    },
                    column: self.columns[item],
                    is_box: tree.level_in(item).is_some(),
                    pin: self.pin(item),
                })
                .collect(),
            links,
            options: tree.input.options,
            ports,
        }
    }

    /// Hints from the picture on screen.
    fn hints_to_hold(&self, level: usize, spec: &LevelSpec) -> Hints {
        let Some(previous) = self.previous else {
            return self.first_hints(level);
        };
        let remembered = self.remembered(level);
        let old_port = |port: &Port| {
            let old = remembered?;
            let at = old.kept.spec.ports.binary_search(port).ok()?;
            Some(old.origin.y + old.kept.drawing.ports[at])
        };
        let items = spec.items.iter().map(|item| {
            if let (Some(pin), Some(old)) = (item.pin, remembered) {
                return Some(old.origin.y + pin.y);
            }
            let rect = previous
                .find_node(item.id)
                .or_else(|| previous.find_box(item.id))?;
            Some(rect.middle().y)
        });
        let lanes = remembered.map(|old| old.kept.drawing.lanes.moved(old.origin.y));
        Hints {
            heights: items.chain(spec.ports.iter().map(old_port)).collect(),
            lanes: lanes.unwrap_or_default(),
            room: remembered.map(|old| old.kept.drawing.size),
            use_as: HintUse::Hold,
            ..self.first_hints(level)
        }
    }

    fn first_hints(&self, level: usize) -> Hints {
        Hints {
            weights: self.weights_of[level].clone(),
            is_draft: self.hurries,
            ..Hints::default()
        }
    }

    /// Hints from the pass before: ports by the far ends of their links.
    fn hints_from(&self, layout: &Layout, far: &FarEnds, level: usize, spec: &LevelSpec) -> Hints {
        let items = spec.items.iter().map(|item| {
            let rect = layout.find_node(item.id).or_else(|| layout.find_box(item.id))?;
            Some(rect.middle().y)
        });
        let mean = |heights: &Vec<f32>| {
            let sum: f32 = heights.iter().sum();
            (!heights.is_empty()).then(|| sum / heights.len() as f32)
        };
        Hints {
            heights: items.chain(far[level].iter().map(mean)).collect(),
            far: far[level].clone(),
            use_as: HintUse::Seed,
            ..self.first_hints(level)
        }
    }
}

impl Level {
    fn new(kept: Arc<Kept>) -> Self {
        let first_edge = kept.spec.ports.len();
        Self { kept, first_edge }
    }

    /// How far below the middle of the box a port is.
    fn port_offset(&self, port: Port) -> f32 {
        let Kept { spec, drawing } = &*self.kept;
        let find = |side| spec.ports.binary_search(&Port { side, ..port }).ok();
        // One that was not drawn is about where that of the other side is.
        let at = find(port.side).or_else(|| find(port.side.other()));
        at.map_or(0.0, |at| drawing.ports[at] - drawing.size.height / 2.0)
    }
}

/// Sorts ports in their own order, with the engine's one sort.
fn sort_ports(ports: &mut Vec<Port>) {
    let keys: [fn(&Port) -> u64; 3] = [
        |port| port.edge.unwrap_or_default(),
        |port| u64::from(port.side == Side::Right) << 1 | u64::from(port.edge.is_some()),
        |port| port.node,
    ];
    for key in keys {
        let order = by_key(ports.len(), |at| key(&ports[at]));
        *ports = order.into_iter().map(|at| ports[at as usize]).collect();
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
