//! A route table made ready for many requests: virtual hosts found by hash.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use crate::{RouteTable, VirtualHost};

/// A route table with its domains indexed. Built once per table, used by every request.
#[derive(Debug)]
pub struct Router {
    table: Arc<RouteTable>,
    exact: HashMap<Arc<str>, Entry>,
    /// Wildcards at the start, such as `*.example.com`, longest first.
    suffixes: Vec<Wildcard>,
    /// Wildcards at the end, such as `reviews.*`, longest first.
    prefixes: Vec<Wildcard>,
    any: Option<Entry>,
}

/// Virtual host and domain within it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    host: usize,
    domain: usize,
}

/// All wildcards of one length.
#[derive(Debug)]
struct Wildcard {
    length: usize,
    entries: HashMap<Box<str>, Entry>,
}

/// How a virtual host was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainMatch {
    /// The authority as it is.
    Exact,
    /// A domain such as `*.example.com`.
    Suffix,
    /// A domain such as `reviews.*`.
    Prefix,
    /// The domain `*`.
    Any,
}

impl Router {
    /// Indexes a table. Of a domain that stands in two virtual hosts the first counts.
    pub fn new(table: Arc<RouteTable>) -> Self {
        let mut router = Self {
            exact: HashMap::new(),
            suffixes: Vec::new(),
            prefixes: Vec::new(),
            any: None,
            table: table.clone(),
        };
        for (host, virtual_host) in table.virtual_hosts.iter().enumerate() {
            for (domain, text) in virtual_host.domains.iter().enumerate() {
                router.index(text, Entry { host, domain });
            }
        }
        router
            .suffixes
            .sort_by_key(|wildcard| std::cmp::Reverse(wildcard.length));
        router
            .prefixes
            .sort_by_key(|wildcard| std::cmp::Reverse(wildcard.length));
        router
    }

    fn index(&mut self, domain: &Arc<str>, entry: Entry) {
        if &**domain == "*" {
            self.any.get_or_insert(entry);
        } else if let Some(suffix) = domain.strip_prefix('*') {
            insert_wildcard(&mut self.suffixes, suffix, entry);
        } else if let Some(prefix) = domain.strip_suffix('*') {
            insert_wildcard(&mut self.prefixes, prefix, entry);
        } else {
            let lower = lower_case(domain);
            let key = if *lower == **domain {
                domain.clone()
            } else {
                lower.as_ref().into()
            };
            self.exact.entry(key).or_insert(entry);
        }
    }

    /// The table behind it.
    pub fn table(&self) -> &Arc<RouteTable> {
        &self.table
    }

    /// Finds the virtual host of an authority in Envoy's order: exact, longest `*suffix`, longest `prefix*`, `*`.
    ///
    /// The port is part of the name: a host that is reached by several ports lists its domain with each.
    /// Upper and lower case are the same. Gives the index of the virtual host, the domain and how it matched.
    pub fn find_virtual_host(&self, authority: &str) -> Option<(usize, &Arc<str>, DomainMatch)> {
        let host = lower_case(authority);
        let (entry, how) = self.find_entry(&host)?;
        Some((
            entry.host,
            &self.virtual_host(entry.host).domains[entry.domain],
            how,
        ))
    }

    fn find_entry(&self, host: &str) -> Option<(Entry, DomainMatch)> {
        if let Some(entry) = self.exact.get(host) {
            return Some((*entry, DomainMatch::Exact));
        }
        // A wildcard stands for at least one character.
        let suffix = self
            .suffixes
            .iter()
            .filter(|wildcard| wildcard.length < host.len());
        for wildcard in suffix {
            let tail = host.get(host.len() - wildcard.length..);
            if let Some(entry) = tail.and_then(|tail| wildcard.entries.get(tail)) {
                return Some((*entry, DomainMatch::Suffix));
            }
        }
        let prefix = self
            .prefixes
            .iter()
            .filter(|wildcard| wildcard.length < host.len());
        for wildcard in prefix {
            let start = host.get(..wildcard.length);
            if let Some(entry) = start.and_then(|start| wildcard.entries.get(start)) {
                return Some((*entry, DomainMatch::Prefix));
            }
        }
        // A request without authority belongs to nobody, not even to `*`, unless nothing else is there.
        let only_any = self.exact.is_empty() && self.suffixes.is_empty() && self.prefixes.is_empty();
        self.any
            .filter(|_| only_any || !host.is_empty())
            .map(|entry| (entry, DomainMatch::Any))
    }

    /// A virtual host by its index.
    pub fn virtual_host(&self, index: usize) -> &VirtualHost {
        &self.table.virtual_hosts[index]
    }
}

fn insert_wildcard(wildcards: &mut Vec<Wildcard>, text: &str, entry: Entry) {
    let at = wildcards
        .iter()
        .position(|wildcard| wildcard.length == text.len())
        .unwrap_or_else(|| {
            wildcards.push(Wildcard {
                length: text.len(),
                entries: HashMap::new(),
            });
            wildcards.len() - 1
        });
    wildcards[at]
        .entries
        .entry(lower_case(text).into())
        .or_insert(entry);
}

/// Copies only what has capitals, which well-behaved callers never send.
fn lower_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}
