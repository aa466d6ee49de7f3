//! Small pieces that pages are made of. Each draws; what it says is decided in `words`.

mod announce;
mod code;
mod config_troubles;
mod distribution;
mod face;
mod icon;
mod menu;
mod provenance;
mod reference;
mod segmented;
mod share_bar;
mod traffic;
mod yaml;

pub(crate) use announce::{Announcer, LiveRegion};
pub(crate) use code::{Code, Mark};
pub(crate) use config_troubles::config_troubles;
pub(crate) use distribution::distribution;
pub(crate) use face::{empty_face, failed_face, loading_face};
pub(crate) use icon::{glyph, glyph_named, icon, icon_small, state_glyph};
pub(crate) use menu::Menu;
pub(crate) use provenance::{Provenance, provenance};
pub(crate) use reference::reference;
pub(crate) use segmented::segmented;
pub(crate) use share_bar::share_bar;
pub(crate) use traffic::{headline, latency, responses};
