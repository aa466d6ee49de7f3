//! Who may see what.

use std::collections::BTreeSet;

use crate::Namespace;

/// The namespaces that a caller may read. Applied to every answer: graph, history, search, errors alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every namespace of the mesh.
    All,
    /// These namespaces and nothing else; objects of the whole cluster are left out.
    Namespaces(BTreeSet<Namespace>),
}

impl Scope {
    /// Whether the caller may read this namespace.
    pub fn allows(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Namespaces(set) => set.contains(namespace),
        }
    }
}
