//! Changes of headers.

use std::sync::Arc;

use vigla_config::{HeaderOperations, Headers};
use vigla_dataplane::HeaderEdits;

/// Changes as a plan has them.
#[derive(Debug, Default)]
pub(super) struct Edits {
    pub(super) request: HeaderEdits,
    pub(super) response: HeaderEdits,
    /// The request's new authority, when `Host` is set.
    pub(super) authority: Option<Arc<str>>,
}

pub(super) fn build(headers: Option<Headers<'_>>) -> Edits {
    let Some(headers) = headers else {
        return Edits::default();
    };
    let request = headers.request();
    let authority = request
        .into_iter()
        .flat_map(HeaderOperations::set)
        .find(|(name, _)| is_host(name));
    Edits {
        request: request.map(edits).unwrap_or_default(),
        response: headers.response().map(edits).unwrap_or_default(),
        authority: authority.map(|(_, value)| value.into()),
    }
}

fn is_host(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || name == ":authority"
}

fn edits(operations: HeaderOperations<'_>) -> HeaderEdits {
    // Pseudo headers cannot be edited; the authority has a way of its own.
    let plain = |name: &str| !name.starts_with(':') && !is_host(name);
    let lower = |name: &str| -> Arc<str> { name.to_ascii_lowercase().into() };
    let pair = |(name, value): (&str, &str)| plain(name).then(|| (lower(name), value.into()));
    HeaderEdits {
        remove: operations
            .remove()
            .filter(|name| plain(name))
            .map(lower)
            .collect(),
        set: operations.set().filter_map(pair).collect(),
        add: operations.add().filter_map(pair).collect(),
    }
}
