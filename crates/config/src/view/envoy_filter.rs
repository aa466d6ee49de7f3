//! EnvoyFilter: here, the local rate limits that it adds.

use std::{fmt, time::Duration};

use vigla_model::{Labels, Namespace, Origin};

use super::{NETWORKING, is_kind, part::part, selector};
use crate::{Node, Object};

/// Envoy's name for the settings of a local rate limit.
const LOCAL_RATE_LIMIT: &str =
    "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";

/// An EnvoyFilter.
#[derive(Clone, Copy)]
pub struct EnvoyFilter<'a> {
    object: &'a Object,
}

part!(
    /// One entry of `configPatches`.
    EnvoyPatch
);
part!(
    /// Settings of a local rate limit.
    LocalRateLimit
);

impl<'a> EnvoyFilter<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        is_kind(object, NETWORKING, "EnvoyFilter").then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// Its namespace; the root namespace means the whole mesh.
    pub fn namespace(self) -> &'a Namespace {
        self.object.namespace()
    }

    /// One of its fields as the origin of something.
    pub fn origin(self, node: Node<'_>) -> Origin {
        self.object.origin_of(node)
    }

    /// Labels of the pods for which it is; `None`: the whole namespace, or the mesh.
    pub fn workload_selector(self) -> Option<Labels> {
        selector(self.object.spec()?.get("workloadSelector")?.get("labels"))
    }

    /// Its patches, in order.
    pub fn patches(self) -> impl Iterator<Item = EnvoyPatch<'a>> {
        let patches = self.object.spec().and_then(|spec| spec.get("configPatches"));
        patches.into_iter().flat_map(Node::items).map(EnvoyPatch)
    }
}

impl fmt::Debug for EnvoyFilter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}

impl<'a> EnvoyPatch<'a> {
    /// What is patched, such as `HTTP_FILTER`.
    pub fn apply_to(self) -> Option<&'a str> {
        self.text("applyTo")
    }

    /// Proxies and directions, such as `SIDECAR_INBOUND`; what is not written is `ANY`.
    pub fn context(self) -> &'a str {
        let context = self.field("match").and_then(|found| found.get("context"));
        context.and_then(Node::text).unwrap_or("ANY")
    }

    /// Port of the listener; `None`: any.
    pub fn port(self) -> Option<u16> {
        self.field("match")?.get("listener")?.get("portNumber")?.as_port()
    }

    /// The local rate limit that it adds; `None`: it does something else.
    pub fn local_rate_limit(self) -> Option<LocalRateLimit<'a>> {
        let patch = self.field("patch")?;
        let adds = patch.get("operation").and_then(Node::text);
        if !matches!(
            adds,
            Some("INSERT_BEFORE" | "INSERT_FIRST" | "INSERT_AFTER" | "ADD")
        ) {
            return None;
        }
        let settings = patch.get("value")?.get("typed_config")?;
        let is_limit = |key| settings.get(key).and_then(Node::text) == Some(LOCAL_RATE_LIMIT);
        if is_limit("@type") {
            return Some(LocalRateLimit(settings));
        }
        // A `TypedStruct` says the type beside its value.
        let value = settings.get("value").filter(|_| is_limit("type_url"))?;
        Some(LocalRateLimit(value))
    }
}

impl<'a> LocalRateLimit<'a> {
    fn bucket(self, key: &str) -> Option<Node<'a>> {
        self.field("token_bucket")?.get(key)
    }

    /// The most tokens that there are.
    pub fn max_tokens(self) -> Option<u32> {
        number(self.bucket("max_tokens")?)
    }

    /// Tokens that come at a time; one when it is not written.
    pub fn tokens_per_fill(self) -> u32 {
        self.bucket("tokens_per_fill").and_then(number).unwrap_or(1)
    }

    /// How often they come.
    pub fn fill_interval(self) -> Option<Duration> {
        self.bucket("fill_interval")?.as_duration()
    }

    /// Share of the requests that are counted (`filter_enabled`) or refused (`filter_enforced`), in millionths; none when
    /// it is not written, as in Envoy.
    pub fn share(self, key: &str) -> u32 {
        let Some(value) = self.field(key).and_then(|share| share.get("default_value")) else {
            return 0;
        };
        let factor = match value.get("denominator").and_then(Node::text) {
            Some("TEN_THOUSAND") => 100,
            Some("MILLION") => 1,
            _ => 10_000,
        };
        let numerator = value.get("numerator").and_then(number).unwrap_or(0);
        numerator.saturating_mul(factor).min(1_000_000)
    }

    /// HTTP status of a refusal; 429 when none is written.
    pub fn status(self) -> u16 {
        let code = self
            .field("status")
            .and_then(|status| status.get("code")?.as_i64());
        code.and_then(|code| u16::try_from(code).ok()).unwrap_or(429)
    }

    /// Headers of refusals.
    pub fn response_headers(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let headers = self
            .field("response_headers_to_add")
            .into_iter()
            .flat_map(Node::items);
        headers.filter_map(|entry| {
            let header = entry.get("header")?;
            Some((header.get("key")?.text()?, header.get("value")?.raw()?.0))
        })
    }
}

fn number(node: Node<'_>) -> Option<u32> {
    u32::try_from(node.as_i64()?).ok()
}
