//! The plan of one proxy as plain values; every part carries its origin.

mod action;
mod authorization;
mod cluster;
mod extra;
mod listener;
mod matching;
mod rate_limit;
mod route;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub use action::*;
pub use authorization::*;
pub use cluster::*;
pub use extra::*;
pub use listener::*;
pub use matching::*;
pub use rate_limit::*;
pub use route::*;

/// Everything that one proxy is to do. Parts are shared (`Arc`), so plans of one class cost pointers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// Listeners, by name.
    pub listeners: BTreeMap<Arc<str>, Arc<Listener>>,
    /// Route tables that listeners name (inline tables stand in the listener), by name such as `9080`.
    pub route_tables: BTreeMap<Arc<str>, Arc<RouteTable>>,
    /// Clusters, by name such as `outbound|9080|v1|reviews.bookinfo.svc.cluster.local`.
    pub clusters: BTreeMap<Arc<str>, Arc<Cluster>>,
    /// Endpoints of the clusters whose discovery is [`Discovery::Eds`], by cluster name.
    pub endpoints: BTreeMap<Arc<str>, Arc<Endpoints>>,
}

impl Plan {
    /// SDS names of everything that it needs.
    pub fn secrets(&self) -> BTreeSet<Arc<str>> {
        let listeners = self.listeners.values().flat_map(|listener| listener.secrets());
        let clusters = self.clusters.values().flat_map(|cluster| cluster.secrets());
        listeners.chain(clusters).collect()
    }
}
