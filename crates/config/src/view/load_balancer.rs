//! `loadBalancer` of a DestinationRule.

use std::time::Duration;

use super::part::part;
use crate::Node;

part!(
    /// A `loadBalancer`.
    LoadBalancer
);
part!(
    /// `loadBalancer.consistentHash`.
    ConsistentHash
);

/// A cookie by which endpoints are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCookie<'a> {
    /// Its name.
    pub name: &'a str,
    /// Path for which one is made.
    pub path: Option<&'a str>,
    /// How long one lives that is made; `None`: none is made.
    pub ttl: Option<Duration>,
}

impl<'a> LoadBalancer<'a> {
    /// `simple` as written, with its place.
    pub fn simple(self) -> Option<(&'a str, Node<'a>)> {
        let node = self.field("simple")?;
        Some((node.text()?, node))
    }

    /// `consistentHash`.
    pub fn consistent_hash(self) -> Option<ConsistentHash<'a>> {
        self.field("consistentHash").map(ConsistentHash::of)
    }
}

impl<'a> ConsistentHash<'a> {
    /// `httpHeaderName`.
    pub fn header(self) -> Option<&'a str> {
        self.text("httpHeaderName")
    }

    /// `httpQueryParameterName`.
    pub fn query(self) -> Option<&'a str> {
        self.text("httpQueryParameterName")
    }

    /// `httpCookie`.
    pub fn cookie(self) -> Option<HashCookie<'a>> {
        let node = self.field("httpCookie")?;
        Some(HashCookie {
            name: node.get("name")?.text()?,
            path: node.get("path").and_then(Node::text),
            ttl: node.get("ttl").and_then(Node::as_duration),
        })
    }

    /// `useSourceIp`.
    pub fn by_source_ip(self) -> bool {
        self.field("useSourceIp").and_then(Node::as_bool).unwrap_or(false)
    }

    /// Least entries of the ring; `None`: not said.
    pub fn ring_entries(self) -> Option<u32> {
        let ring = self
            .field("ringHash")
            .and_then(|ring| ring.get("minimumRingSize"));
        entries(ring.or_else(|| self.field("minimumRingSize"))?)
    }

    /// `maglev`: entries of its table, when they are said; `None`: another table is used.
    pub fn maglev(self) -> Option<Option<u32>> {
        let maglev = self.field("maglev")?;
        Some(maglev.get("tableSize").and_then(entries))
    }
}

fn entries(node: Node<'_>) -> Option<u32> {
    u32::try_from(node.as_i64()?).ok().filter(|&entries| entries > 0)
}
