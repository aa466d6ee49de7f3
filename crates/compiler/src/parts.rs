//! Parts of plans that are shared.

use std::{collections::HashMap, sync::Arc};

use vigla_dataplane::{Cluster, Endpoints, Listener, RouteTable};

/// Parts seen before, so that equal ones are shared by plans and revisions.
#[derive(Debug, Default)]
pub struct Parts {
    listeners: Shelf<Listener>,
    tables: Shelf<RouteTable>,
    clusters: Shelf<Cluster>,
    endpoints: Shelf<Endpoints>,
}

impl Parts {
    /// Forgets parts that no plan holds any more. Call it after each revision: it is what bounds the size.
    pub fn forget_unused(&mut self) {
        self.listeners.forget_unused();
        self.tables.forget_unused();
        self.clusters.forget_unused();
        self.endpoints.forget_unused();
    }

    pub(crate) fn listener(&mut self, part: Listener) -> Arc<Listener> {
        self.listeners.share(&Arc::clone(&part.name), part)
    }

    pub(crate) fn table(&mut self, part: RouteTable) -> Arc<RouteTable> {
        self.tables.share(&Arc::clone(&part.name), part)
    }

    pub(crate) fn cluster(&mut self, part: Cluster) -> Arc<Cluster> {
        self.clusters.share(&Arc::clone(&part.name), part)
    }

    pub(crate) fn endpoints(&mut self, name: &Arc<str>, part: Endpoints) -> Arc<Endpoints> {
        self.endpoints.share(name, part)
    }
}

/// Variants of parts by name: those of one name differ from proxy to proxy, but seldom much.
#[derive(Debug)]
struct Shelf<T>(HashMap<Arc<str>, Vec<Arc<T>>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: PartialEq> Shelf<T> {
    fn share(&mut self, name: &Arc<str>, part: T) -> Arc<T> {
        let variants = self.0.entry(Arc::clone(name)).or_default();
        if let Some(known) = variants.iter().find(|known| ***known == part) {
            return Arc::clone(known);
        }
        let part = Arc::new(part);
        variants.push(Arc::clone(&part));
        part
    }

    fn forget_unused(&mut self) {
        self.0.retain(|_, variants| {
            variants.retain(|part| Arc::strong_count(part) > 1);
            !variants.is_empty()
        });
    }
}
