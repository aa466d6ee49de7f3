//! Local rate limits.

use envoy_types::pb::envoy::{
    config::core::v3::{Metadata, RuntimeFractionalPercent, header_value_option::HeaderAppendAction},
    extensions::filters::http::local_ratelimit::v3::LocalRateLimit,
    r#type::v3::{HttpStatus, TokenBucket},
};
use vigla_dataplane::{Listener, RateLimit};

use super::{
    Reason,
    action::{millionths, read_millionths},
    headers, metadata, number, read_duration, required, write_duration,
};

/// Name of Envoy's filter.
pub(crate) const FILTER: &str = "envoy.filters.http.local_ratelimit";
/// Where the origin of a limit stands in a chain's metadata.
const ORIGIN: &str = "vigla.origin.ratelimit";
/// Envoy's status where none is said.
const TOO_MANY: u16 = 429;

pub(crate) fn write(listener: &Listener, limit: &RateLimit) -> LocalRateLimit {
    let share = |share| {
        Some(RuntimeFractionalPercent {
            default_value: Some(millionths(share)),
            ..RuntimeFractionalPercent::default()
        })
    };
    let add = |(name, value): &(_, _)| header(name, value);
    LocalRateLimit {
        stat_prefix: listener.name.to_string(),
        status: Some(HttpStatus {
            code: i32::from(limit.status),
        }),
        token_bucket: Some(TokenBucket {
            max_tokens: limit.max_tokens,
            tokens_per_fill: number(limit.tokens_per_fill),
            fill_interval: Some(write_duration(limit.fill_interval)),
        }),
        filter_enabled: share(1_000_000),
        filter_enforced: share(limit.enforced),
        response_headers_to_add: limit.response_headers.iter().map(add).collect(),
        ..LocalRateLimit::default()
    }
}

fn header(
    name: &std::sync::Arc<str>,
    value: &std::sync::Arc<str>,
) -> envoy_types::pb::envoy::config::core::v3::HeaderValueOption {
    headers::option(name, value, HeaderAppendAction::OverwriteIfExistsOrAdd)
}

pub(crate) fn read(message: &LocalRateLimit) -> Result<RateLimit, Reason> {
    let known = LocalRateLimit {
        stat_prefix: message.stat_prefix.clone(),
        status: message.status,
        token_bucket: message.token_bucket,
        filter_enabled: message.filter_enabled.clone(),
        filter_enforced: message.filter_enforced.clone(),
        response_headers_to_add: message.response_headers_to_add.clone(),
        ..LocalRateLimit::default()
    };
    if known != *message {
        return Err("requests are limited in a way that is not supported".to_owned());
    }
    let share = |share: &Option<RuntimeFractionalPercent>| match share {
        Some(share) => read_millionths(share.default_value),
        None => Ok(0),
    };
    if share(&message.filter_enabled)? != 1_000_000 {
        return Err("a limit counts a share of the requests: not supported".to_owned());
    }
    let bucket = required(message.token_bucket, "the tokens of a limit")?;
    let interval = required(bucket.fill_interval, "the interval of a limit")?;
    let code = message.status.map_or(0, |status| status.code);
    Ok(RateLimit {
        max_tokens: bucket.max_tokens,
        tokens_per_fill: bucket.tokens_per_fill.map_or(1, |tokens| tokens.value),
        fill_interval: read_duration(&interval)?,
        enforced: share(&message.filter_enforced)?,
        status: u16::try_from(code)
            .ok()
            .filter(|code| *code >= 400)
            .unwrap_or(TOO_MANY),
        response_headers: headers::read(&message.response_headers_to_add, &[])?.set,
        origin: None,
    })
}

pub(crate) fn write_origin(metadata: Option<Metadata>, limit: Option<&RateLimit>) -> Option<Metadata> {
    let Some(origin) = limit.and_then(|limit| limit.origin.as_ref()) else {
        return metadata;
    };
    let mut metadata = metadata.unwrap_or_default();
    let origin = metadata::write_origin(origin);
    metadata.filter_metadata.insert(ORIGIN.to_owned(), origin);
    Some(metadata)
}

pub(crate) fn read_origin(metadata: Option<&Metadata>, limit: &mut RateLimit) {
    let found = metadata.and_then(|metadata| metadata.filter_metadata.get(ORIGIN));
    limit.origin = found.and_then(metadata::read_exact_origin);
}
