//! By what part of requests endpoints are picked: a DestinationRule says it, and routes carry it.

use std::sync::Arc;

use vigla_dataplane::HashKey;
use vigla_model::Fqdn;

use crate::context::Context;

/// The key for a destination; `None`: endpoints are picked otherwise.
pub(super) fn key(
    context: &mut Context<'_, '_>,
    host: &Fqdn,
    port: u16,
    subset: Option<&str>,
) -> Option<HashKey> {
    let own = context.instance;
    let policy = context
        .mesh
        .destination_rule_for(host, &own.namespace, Some(&own.labels))?;
    let (rule, written) = policy.load_balancer(port, subset)?;
    let hash = written.consistent_hash()?;
    if let Some(name) = hash.header() {
        return Some(HashKey::Header(name.to_ascii_lowercase().into()));
    }
    if let Some(cookie) = hash.cookie() {
        return Some(HashKey::Cookie {
            name: cookie.name.into(),
            path: cookie.path.map(Arc::from).unwrap_or_default(),
            ttl: cookie.ttl,
        });
    }
    if let Some(name) = hash.query() {
        return Some(HashKey::Query(name.into()));
    }
    if hash.by_source_ip() {
        return Some(HashKey::SourceIp);
    }
    let message = "nothing says by what part of requests endpoints are picked; they are picked by chance";
    context.problem(rule.origin(hash.node()), message);
    None
}
