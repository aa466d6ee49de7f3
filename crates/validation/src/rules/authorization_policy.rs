//! Rules about AuthorizationPolicies.

pub(super) mod allows_nobody;
pub(super) mod no_pod;
pub(super) mod not_on_gateway;
pub(super) mod or_for_and;
pub(super) mod unknown_method;
pub(super) mod unknown_namespace;
pub(super) mod unknown_principal;

use vigla_config::Node;

use crate::case::{Case, items};

/// The `source` of every `from`.
fn sources<'a>(case: &Case<'a>) -> impl Iterator<Item = Node<'a>> + use<'a> {
    parts(case, "from", "source")
}

/// The `operation` of every `to`.
fn operations<'a>(case: &Case<'a>) -> impl Iterator<Item = Node<'a>> + use<'a> {
    parts(case, "to", "operation")
}

fn parts<'a>(
    case: &Case<'a>,
    list: &'static str,
    key: &'static str,
) -> impl Iterator<Item = Node<'a>> + use<'a> {
    case.items("rules")
        .flat_map(move |rule| items(Some(rule), list))
        .filter_map(move |entry| entry.get(key))
}

/// Whether a name fits a pattern of a policy: whole, or with `*` at one end, or `*` alone.
fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), _) if !rest.is_empty() => name.ends_with(rest),
        (_, Some(rest)) => name.starts_with(rest),
        _ => pattern == name,
    }
}
