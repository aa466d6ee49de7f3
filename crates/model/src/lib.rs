//! The words of the field, as types: what every other crate says about meshes and their traffic.
//!
//! Leaves behaviour to others: no config language, no metrics query, no clock. Everything here is a
//! plain value that builds for the browser too.

mod flags;
mod histogram;
mod identity;
mod name;
mod object;
mod ratio;
mod scope;
mod time;
mod traffic;

pub use flags::{ResponseFlag, ResponseFlags, UnknownFlag};
pub use histogram::{Histogram, ISTIO_BOUNDS_MS};
pub use identity::{BadPrincipal, PeerIdentity, Principal};
pub use name::{
    AppName, ClusterName, Fqdn, Labels, Namespace, ServiceName, SubsetName, Version, WorkloadName,
};
pub use object::{Location, ObjectRef, Origin};
pub use ratio::Ratio;
pub use scope::Scope;
pub use time::{BadWindow, Timestamp, Window};
pub use traffic::{Protocol, Reporter, SecurityPolicy};
