//! How many requests a proxy takes: local rate limits, which Istio's users write as patches of Envoy's config.

use std::{sync::Arc, time::Duration};

use vigla_config::{EnvoyFilter, LocalRateLimit};
use vigla_dataplane::RateLimit;

use crate::context::Context;

/// The shortest interval that Envoy takes.
const LEAST_INTERVAL: Duration = Duration::from_millis(50);

/// Which proxies and directions a patch is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Inbound,
    Outbound,
    Gateway,
}

impl Side {
    fn word(self) -> &'static str {
        match self {
            Self::Inbound => "SIDECAR_INBOUND",
            Self::Outbound => "SIDECAR_OUTBOUND",
            Self::Gateway => "GATEWAY",
        }
    }
}

/// The limit for a listener's requests: that of the first patch that adds one. All other patches are told as problems.
pub(crate) fn build(context: &mut Context<'_, '_>, side: Side, port: u16) -> Option<Arc<RateLimit>> {
    let own = context.instance;
    let mut found = None;
    for filter in context.mesh.envoy_filters(&own.namespace, &own.labels) {
        for patch in filter.patches() {
            let limit = patch
                .local_rate_limit()
                .filter(|_| patch.apply_to() == Some("HTTP_FILTER"));
            let Some(limit) = limit else {
                let message = "only patches that add a local rate limit are applied; this one has no effect";
                context.problem(filter.origin(patch.node()), message);
                continue;
            };
            let is_here = matches!(patch.context(), "ANY") || patch.context() == side.word();
            if is_here && patch.port().is_none_or(|wanted| wanted == port) && found.is_none() {
                found = read(context, filter, limit);
            }
        }
    }
    found.map(Arc::new)
}

fn read(
    context: &mut Context<'_, '_>,
    filter: EnvoyFilter<'_>,
    written: LocalRateLimit<'_>,
) -> Option<RateLimit> {
    let origin = filter.origin(written.node());
    let (Some(max_tokens), Some(fill_interval)) = (written.max_tokens(), written.fill_interval()) else {
        let message = "the limit has no `token_bucket` with `max_tokens` and `fill_interval`; it is left out";
        context.problem(origin, message);
        return None;
    };
    if fill_interval < LEAST_INTERVAL {
        let message = "tokens may come every 50 ms at most; the limit is left out";
        context.problem(origin, message);
        return None;
    }
    let (enabled, enforced) = (written.share("filter_enabled"), written.share("filter_enforced"));
    if enabled == 0 || enforced == 0 {
        // As in Envoy: without a share nothing is counted, or nothing refused.
        return None;
    }
    if enabled < 1_000_000 {
        let message = "`filter_enabled` for a share of the requests is not supported; all are counted";
        context.problem(origin.clone(), message);
    }
    let headers = written.response_headers();
    Some(RateLimit {
        max_tokens,
        tokens_per_fill: written.tokens_per_fill(),
        fill_interval,
        enforced,
        status: written.status(),
        response_headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase().into(), value.into()))
            .collect(),
        origin: Some(origin),
    })
}
