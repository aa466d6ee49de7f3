//! Stable identities: 64-bit FNV-1a hashes of what a thing is.
//!
//! Written down here because replicas, restarts, links and the browser all rely on it: the bytes of each part in
//! order, each followed by one byte `0xFF` (which no UTF-8 text holds), start value `0xcbf29ce484222325`, factor
//! `0x100000001b3`. An absent part is empty.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use vigla_model::{Fqdn, Protocol};

use crate::{BoxKind, Id, NodeKind};

/// Things by an id, or by a pair of them.
pub(crate) type ById<K, T> = HashMap<K, T, BuildHasherDefault<Mixed>>;

/// Ids are hashes already: they are only mixed, so that a pair is not the pair the other way round.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("ids are written as whole numbers");
    }
    fn write_u64(&mut self, id: u64) {
        self.0 = (self.0.rotate_left(5) ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// Hashes parts that together say what a thing is.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Id {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |byte: u8| state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for part in parts {
        part.iter().copied().for_each(&mut take);
        take(0xFF);
    }
    Id(state)
}

/// Names of node kinds as they enter the hash. Gateways are workloads: a label that says so must not move a link.
fn kind_name(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Workload | NodeKind::Gateway => "workload",
        NodeKind::Service => "service",
        NodeKind::App => "app",
        NodeKind::VersionedApp => "versioned_app",
        NodeKind::External => "external",
        NodeKind::Passthrough => "passthrough",
        NodeKind::Unknown => "unknown",
    }
}

/// Identity of a node from cluster, kind, namespace, name and version.
pub(crate) fn node(
    kind: NodeKind,
    cluster: Option<&str>,
    namespace: Option<&str>,
    name: &str,
    version: Option<&str>,
) -> Id {
    let parts = [
        "node",
        cluster.unwrap_or(""),
        kind_name(kind),
        namespace.unwrap_or(""),
        name,
        version.unwrap_or(""),
    ];
    hash(parts.map(str::as_bytes))
}

/// Identity of an edge; `service` in the finest view only.
pub(crate) fn edge(source: Id, target: Id, protocol: Protocol, service: Option<&Fqdn>) -> Id {
    hash([
        b"edge".as_slice(),
        &source.0.to_be_bytes(),
        &target.0.to_be_bytes(),
        protocol.as_str().as_bytes(),
        service.map_or("", Fqdn::as_str).as_bytes(),
    ])
}

/// Identity of a box.
pub(crate) fn group(kind: BoxKind, cluster: Option<&str>, namespace: Option<&str>, name: &str) -> Id {
    let kind = match kind {
        BoxKind::Cluster => "cluster",
        BoxKind::Namespace => "namespace",
        BoxKind::App => "app",
    };
    let parts = ["box", cluster.unwrap_or(""), kind, namespace.unwrap_or(""), name];
    hash(parts.map(str::as_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_change() {
        let id = node(
            NodeKind::Workload,
            Some("demo"),
            Some("bookinfo"),
            "reviews-v1",
            None,
        );
        assert_eq!(id.to_string(), "aea9c052b65918f1");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let a = node(NodeKind::Workload, None, Some("ab"), "c", None);
        let b = node(NodeKind::Workload, None, Some("a"), "bc", None);
        assert_ne!(a, b);
    }
}
