//! The frame around all pages: side bar, top bar, banner, help, keys.

mod banner;
mod help;
mod keyboard;
mod keys;
mod live_state;
mod nav;
mod scope;
mod theme;
mod top;
mod window_pick;

pub(crate) use banner::{Banner, Notices};
pub(crate) use help::Help;
pub(crate) use keyboard::{Commands, listen};
pub(crate) use keys::Action;
pub(crate) use nav::{Nav, Rail};
pub(crate) use scope::ScopeList;
pub(crate) use theme::Theme;
pub(crate) use top::Top;
