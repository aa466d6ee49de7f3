//! Layered layout of nested boxes, stable from refresh to refresh.
//!
//! Calls run from left to right. Every box is a level that is drawn on its own, innermost first, and is a big card to
//! the level around it: boxes cannot overlap, and a box that did not change is kept as it is. Links that leave a box
//! go through ports on its border, so that no line ever runs over a foreign node or box. Lines change their height
//! between columns only.
//!
//! Pure and deterministic: no clock, no randomness, equal inputs give equal pictures. What is drawn (cards, colours,
//! text) is left to `scene`; reading traffic to `graph`.
//!
//! ```
//! use vigla_layout::{EdgeSpec, Input, NodeSpec, Size, layout};
//! let node = |id| NodeSpec { id, size: Size::new(120.0, 40.0), parent: None, pin: None };
//! let edge = EdgeSpec { id: 3, from: 1, to: 2, label: None, own_way: false };
//! let input = Input { nodes: vec![node(1), node(2)], edges: vec![edge], ..Input::default() };
//! let picture = layout(&input)?;
//! assert!(picture.nodes[0].rect.right() < picture.nodes[1].rect.x);
//! # Ok::<(), vigla_layout::InputError>(())
//! ```

pub mod codec;
mod columns;
mod curve;
mod engine;
mod geometry;
mod input;
mod label;
mod level;
mod memory;
mod picture;
#[cfg(any(test, feature = "quality"))]
pub mod quality;
#[cfg(any(test, feature = "quality"))]
pub mod sample;
mod sort;
mod tree;
mod trunks;

pub use curve::{Cubic, curve};
pub use geometry::{Point, Rect, Size};
pub use input::{BoxSpec, EdgeSpec, Input, InputError, MAX_DEPTH, NodeSpec, Options};
pub use picture::{Layout, Placed, Route};
pub use trunks::{Trunk, trunks};

/// Draws a graph from scratch.
pub fn layout(input: &Input) -> Result<Layout, InputError> {
    engine::draw(input, None)
}

/// Draws a graph so that what `previous` shows stays where it is as far as it can. The same graph moves nothing.
///
/// `previous` comes from [`layout`] or `relayout` of this process; one that was decoded has no memory, and the graph
/// is drawn from scratch.
pub fn relayout(previous: &Layout, input: &Input) -> Result<Layout, InputError> {
    engine::draw(input, Some(previous))
}

#[cfg(test)]
mod tests;
