//! What is wrong with a mesh's config: one engine for server, command line, webhook and browser.
//!
//! [`validate`] takes texts, [`check`] a [`Snapshot`](vigla_config::Snapshot); both give the same findings for the
//! same mesh. Each condition is one [`Rule`] in one file below `rules/`, with an example that it refuses and one
//! that it lets pass; [`rules`] lists them all. A rule sees the Snapshot, the [`Evidence`] and the time that it is
//! given: no clock, no network.

pub mod book;
mod case;
mod engine;
mod evidence;
pub mod examples;
mod finding;
mod fix;
mod found;
mod mesh;
mod nearest;
mod rule;
mod rules;
mod selection;
mod suppress;

pub use engine::{Report, Text, check, validate, validate_against};
pub use evidence::{Evidence, SeenTraffic};
pub use finding::{Code, Confidence, Finding, Place, Related, Severity};
pub use fix::{Edit, Fix, Point};
pub use rule::{Kind, Need, Rule};
pub use rules::{find_rule, rules};
pub use selection::{Selection, UnknownCode};

#[cfg(test)]
mod tests;
