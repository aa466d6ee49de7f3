//! Choosing between pictures from scratch: one assignment of columns is drawn, judged, and compared with others.

use std::sync::Arc;

use super::{Engine, FOLD_FROM, Level, Pass};
use crate::{Route, Size, level::Hints, picture};

/// A first picture with one assignment of columns.
pub(super) struct Attempt<'a> {
    pub(super) engine: Engine<'a>,
    pub(super) pass: Pass,
    /// Width : height as a factor of what is wanted.
    pub(super) shape: f32,
    badness: f32,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(engine: Engine<'a>) -> Self {
        let mut pass = engine.first_pass();
        if engine.is_small() && !engine.hurries && engine.tree.page() >= FOLD_FROM {
            pass = engine.next_pass(&pass);
        }
        let length = pass.layout.edges.iter().map(Route::length).sum();
        let (shape, badness) = engine.judge(pass.layout.size, pass.crossings, length);
        Self {
            engine,
            pass,
            shape,
            badness,
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        if other.badness < self.badness { other } else { self }
    }

    /// Moves single boxes to other columns while the picture, drawn in haste, gets better. `None` where nothing does, or
    /// where that would take too long.
    pub(super) fn rearranged(&self) -> Option<Engine<'a>> {
        const ROUNDS: usize = 2;
        /// Items and links that are drawn at most in one round of tries.
        const WORK: usize = 20_000;
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
        for &item in items.iter().cycle().take(ROUNDS * items.len()) {
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
        engine.hurries = false;
        engine.find_ports();
        moved.then_some(engine)
    }
}

impl Engine<'_> {
    /// How bad the page alone would be, between boxes as they are drawn now.
    fn try_page(&self, levels: &[Option<Level>]) -> f32 {
        let spec = self.spec(self.tree.page(), levels);
        let hints = Hints {
            is_draft: true,
            ..Hints::default()
        };
        let drawing = spec.draw(&hints);
        let length = drawing.routes.iter().map(|points| picture::length(points)).sum();
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
}
