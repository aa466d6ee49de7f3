//! The pages.

mod config;
mod detail;
mod list;
pub(crate) mod map;
mod not_found;
mod object;
mod sources;
mod trace;
mod traces;

pub(crate) use config::ConfigPage;
pub(crate) use detail::DetailPage;
pub(crate) use list::{Kind, ListPage};
pub(crate) use map::MapPage;
pub(crate) use not_found::NotFoundPage;
pub(crate) use object::ObjectPage;
pub(crate) use sources::SourcesPage;
pub(crate) use trace::TracePage;
pub(crate) use traces::TracesPage;
