//! The demo's scenarios: each changes the demo mesh as a person would, and says what to look at.

mod card;
mod drawer;

pub(crate) use drawer::Drawer;
