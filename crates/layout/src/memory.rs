//! What the engine remembers of a picture, so that the next one moves as little as possible.

use std::collections::HashMap;

use crate::{
    Point,
    level::{LevelDrawing, LevelSpec},
};

/// By ids, because numbers of items change when items come and go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// Columns of items in their levels.
    pub(crate) columns: HashMap<u64, u32>,
    /// Levels by the id of their box; the page has no id.
    pub(crate) levels: HashMap<Option<u64>, Remembered>,
}

/// One level of a picture.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    /// What was to be drawn.
    pub(crate) spec: LevelSpec,
    /// What was drawn.
    pub(crate) drawing: LevelDrawing,
    /// Where the level's upper left corner was on the page.
    pub(crate) origin: Point,
}
