//! What the engine remembers of a picture, so that the next one moves as little as possible.

use std::sync::Arc;

use crate::{
    Point,
    level::{LevelDrawing, LevelSpec},
    sort::Index,
};

/// By ids, because numbers of items change when items come and go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// Items by their ids.
    pub(crate) items: Index,
    /// Columns of items in their levels.
    pub(crate) columns: Vec<u32>,
    /// Boxes by their ids.
    pub(crate) boxes: Index,
    /// Levels of boxes; that of the page is the last, and has no id.
    pub(crate) levels: Vec<Remembered>,
    /// Levels of pictures before, by their boxes, the latest at the end: what is collapsed and expanded again, or comes
    /// back after a moment, looks as it did.
    pub(crate) earlier: Vec<Remembered>,
}

impl Memory {
    /// How a level of a box, or of the page, looked before the picture on screen; the latest first.
    pub(crate) fn earlier(&self, area: Option<u64>) -> impl Iterator<Item = &Remembered> {
        self.earlier
            .iter()
            .rev()
            .filter(move |earlier| earlier.area == area)
    }

    /// What the next memory, with `levels`, keeps of this one.
    pub(crate) fn outdated_by(&self, levels: &[Remembered]) -> Vec<Remembered> {
        /// Levels and links that are kept at most: some dozens of changes of a mesh with 1000 workloads.
        const LEVELS: usize = 64;
        const LINKS: usize = 20_000;
        let known = self.earlier.iter().chain(&self.levels);
        let mut earlier: Vec<Remembered> = known
            .filter(|old| !levels.iter().any(|level| Arc::ptr_eq(&level.kept, &old.kept)))
            .cloned()
            .collect();
        let mut links = 0;
        let mut fits = |(at, old): (usize, &Remembered)| {
            links += old.kept.spec.links.len();
            at < LEVELS && links <= LINKS
        };
        let fitting = earlier
            .iter()
            .rev()
            .enumerate()
            .take_while(|old| fits(*old))
            .count();
        earlier.drain(..earlier.len() - fitting);
        earlier
    }
}

/// One level of a picture.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    /// The box; none is the page.
    pub(crate) area: Option<u64>,
    pub(crate) kept: Arc<Kept>,
    /// Where the level's upper left corner was on the page.
    pub(crate) origin: Point,
}

/// What was to be drawn, and what was drawn.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) spec: LevelSpec,
    pub(crate) drawing: LevelDrawing,
}
