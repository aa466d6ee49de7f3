//! The live service graph: counted traffic joined with what is known of the mesh.
//!
//! The graph exists once, at the finest grain (source workload → service → destination workload, per protocol).
//! Views are quotients of it, and find expressions are asked of them. Builds for the browser, where the same code makes the views.

mod boxes;
mod build;
mod diff;
mod drawn;
mod ends;
mod facts;
mod few;
mod filter;
mod find;
#[cfg(test)]
mod fixtures;
mod health;
mod id;
mod identities;
mod kept;
mod live;
mod names;
#[cfg(test)]
mod properties;
mod quotient;
mod side;
mod traffic;
mod view;

pub use diff::{Changes, ViewDelta, apply, diff};
pub use facts::MeshFacts;
pub use few::Few;
pub use find::{About, FIND_WORDS, Find, FindError, FindWord, Found, MAX_FIND, Unit};
pub use identities::{HostFacts, Identities, Unidentified, WorkloadFacts};
pub use kept::{Changed, Follower, Kept};
pub use live::Graph;
pub use quotient::quotient;
pub use side::{ResponseKey, Side};
pub use traffic::{Totals, Traffic, TrafficKey, TrafficRow, TrafficWindow};
pub use view::{
    Badge, BoxKind, Confidence, Edge, Grain, GroupBox, Guess, Health, HealthState, Id, Node, NodeKind, View,
    Why,
};
