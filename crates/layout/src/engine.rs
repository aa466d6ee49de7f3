//! From the tree to a picture: columns of all levels, levels inside out, then places on the page outside in.
//!
//! A link that leaves a box goes through a port on its border. Columns fix on which side; a second pass sorts the
//! ports by where the far ends of their links came to lie.

mod assemble;
mod assign;
mod attempt;
mod ports;
mod specs;

use std::sync::Arc;

use crate::{
    InputError, Layout, Point,
    engine::{assemble::FarEnds, attempt::Attempt},
    input::Input,
    label,
    level::{Hints, LevelSpec, Port},
    memory::{Kept, Remembered},
    sort::median,
    tree::Tree,
};

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

    /// Everything as near as it can be to where it was.
    fn hold(&self) -> Layout {
        let levels = self.draw_levels(|level, spec| self.hints_to_hold(level, spec));
        self.assemble(levels).layout
    }

    fn first_pass(&self) -> Pass {
        // Small graphs have time, and gain by it; so does the page up to thousands of nodes.
        let is_large = self.tree.sizes.len() > 2000;
        let is_draft = self.further_pass_count() == 1;
        let hints = |level, _: &LevelSpec| Hints {
            is_draft: self.hurries || is_draft && (level != self.tree.page() || is_large),
            ..self.first_hints(level)
        };
        self.assemble(self.draw_levels(hints))
    }

    /// Each pass turns ports further towards their far ends; the best one counts. Most is won by the first; small graphs
    /// can wait for more.
    fn further_passes(&self, first: Pass) -> Pass {
        let (mut best, mut last) = (None, first);
        for _ in 0..self.further_pass_count() {
            let next = self.next_pass(&last);
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
        self.assemble(self.draw_levels(|level, spec| self.hints_from(last, level, spec)))
    }

    fn further_pass_count(&self) -> usize {
        match self.tree.page() {
            0 => 0,
            _ if self.is_small() => 2,
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
