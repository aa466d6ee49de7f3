//! Copies of requests, keys to pick by, and what browsers are told.

use std::sync::Arc;

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::{Metadata, RuntimeFractionalPercent},
            route::v3::{
                RouteAction as Message,
                route_action::{
                    HashPolicy, RequestMirrorPolicy,
                    hash_policy::{ConnectionProperties, Cookie, Header, PolicySpecifier, QueryParameter},
                },
            },
        },
        extensions::filters::http::cors::v3::CorsPolicy,
    },
    google::protobuf::{Any, BoolValue},
};
use vigla_dataplane::{Cors, Forward, HashKey, Mirror, StringMatch};
use vigla_model::Origin;

use super::{
    Reason,
    action::{millionths, read_millionths},
    flag, matches, metadata, pack, read_duration, unpack, write_duration,
};

/// Where the origins of these stand in a route's metadata; those of mirrors with their numbers.
const MIRROR_ORIGIN: &str = "vigla.origin.mirror.";
const CORS_ORIGIN: &str = "vigla.origin.cors";

pub(crate) fn write_mirror(mirror: &Mirror) -> RequestMirrorPolicy {
    RequestMirrorPolicy {
        cluster: mirror.cluster.to_string(),
        runtime_fraction: Some(RuntimeFractionalPercent {
            default_value: Some(millionths(mirror.share)),
            ..RuntimeFractionalPercent::default()
        }),
        // A copy has a span only where its original has one.
        trace_sampled: flag(false),
        ..RequestMirrorPolicy::default()
    }
}

fn read_mirror(message: &RequestMirrorPolicy) -> Result<Mirror, Reason> {
    if message.cluster.is_empty() || !message.cluster_header.is_empty() {
        return Err("the cluster of a mirror is named in a way that is not supported".to_owned());
    }
    let share = match &message.runtime_fraction {
        Some(fraction) => read_millionths(fraction.default_value)?,
        None => 1_000_000,
    };
    Ok(Mirror {
        cluster: message.cluster.as_str().into(),
        share,
        origin: None,
    })
}

pub(crate) fn write_hash(key: &HashKey) -> HashPolicy {
    let specifier = match key {
        HashKey::Header(name) => PolicySpecifier::Header(Header {
            header_name: name.to_string(),
            ..Header::default()
        }),
        HashKey::Cookie { name, path, ttl } => PolicySpecifier::Cookie(Cookie {
            name: name.to_string(),
            path: path.to_string(),
            ttl: ttl.map(write_duration),
            ..Cookie::default()
        }),
        HashKey::SourceIp => PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip: true }),
        HashKey::Query(name) => PolicySpecifier::QueryParameter(QueryParameter {
            name: name.to_string(),
        }),
    };
    HashPolicy {
        terminal: false,
        policy_specifier: Some(specifier),
    }
}

fn read_hash(message: &HashPolicy) -> Result<HashKey, Reason> {
    let unsupported = || "endpoints are picked by something that is not supported".to_owned();
    match &message.policy_specifier {
        _ if message.terminal => Err(unsupported()),
        Some(PolicySpecifier::Header(header)) if header.regex_rewrite.is_none() => {
            Ok(HashKey::Header(header.header_name.as_str().into()))
        }
        Some(PolicySpecifier::Cookie(cookie)) if cookie.attributes.is_empty() => Ok(HashKey::Cookie {
            name: cookie.name.as_str().into(),
            path: cookie.path.as_str().into(),
            ttl: cookie.ttl.as_ref().map(read_duration).transpose()?,
        }),
        Some(PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip: true })) => {
            Ok(HashKey::SourceIp)
        }
        Some(PolicySpecifier::QueryParameter(parameter)) => {
            Ok(HashKey::Query(parameter.name.as_str().into()))
        }
        _ => Err(unsupported()),
    }
}

pub(crate) fn read(message: &Message, forward: &mut Forward) -> Result<(), Reason> {
    let mirrors = message.request_mirror_policies.iter().map(read_mirror);
    forward.mirrors = mirrors.collect::<Result<_, _>>()?;
    forward.hash = message
        .hash_policy
        .iter()
        .map(read_hash)
        .collect::<Result<_, _>>()?;
    Ok(())
}

pub(crate) fn write_cors(cors: &Cors) -> Any {
    let origins = cors.allow_origins.iter().map(matches::write_text);
    pack(&CorsPolicy {
        allow_origin_string_match: origins.collect(),
        allow_methods: cors.allow_methods.join(","),
        allow_headers: cors.allow_headers.join(","),
        expose_headers: cors.expose_headers.join(","),
        max_age: cors
            .max_age
            .map_or(String::new(), |age| age.as_secs().to_string()),
        allow_credentials: cors.allow_credentials.map(|value| BoolValue { value }),
        forward_not_matching_preflights: flag(cors.forward_unmatched),
        ..CorsPolicy::default()
    })
}

pub(crate) fn read_cors(any: &Any) -> Result<Cors, Reason> {
    let message: CorsPolicy = unpack(any)?;
    if message.filter_enabled.is_some() || message.shadow_enabled.is_some() {
        return Err("the rules for browsers hold for a share of the requests: not supported".to_owned());
    }
    let list = |text: &str| -> Vec<Arc<str>> {
        let words = text.split(',').map(str::trim);
        words.filter(|word| !word.is_empty()).map(Arc::from).collect()
    };
    let age = match message.max_age.as_str() {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|_| format!("`{text}` is no time in seconds"))?,
        ),
    };
    let origins = message.allow_origin_string_match.iter().map(matches::read_text);
    Ok(Cors {
        allow_origins: origins.collect::<Result<Vec<StringMatch>, _>>()?,
        allow_methods: list(&message.allow_methods),
        allow_headers: list(&message.allow_headers),
        expose_headers: list(&message.expose_headers),
        max_age: age.map(std::time::Duration::from_secs),
        allow_credentials: message.allow_credentials.map(|flag| flag.value),
        // Envoy's default.
        forward_unmatched: message
            .forward_not_matching_preflights
            .is_none_or(|flag| flag.value),
        origin: None,
    })
}

/// Adds the origins of mirrors and rules for browsers to a route's metadata.
pub(crate) fn write_origins(metadata: Option<Metadata>, forward: &Forward) -> Option<Metadata> {
    let mirrors = forward.mirrors.iter().enumerate();
    let mirrors =
        mirrors.filter_map(|(at, mirror)| Some((format!("{MIRROR_ORIGIN}{at}"), mirror.origin.as_ref()?)));
    let cors = forward.cors.as_ref().and_then(|cors| cors.origin.as_ref());
    let all = mirrors.chain(cors.map(|origin| (CORS_ORIGIN.to_owned(), origin)));
    all.fold(metadata, |metadata, (key, origin)| {
        let mut metadata = metadata.unwrap_or_default();
        metadata
            .filter_metadata
            .insert(key, metadata::write_origin(origin));
        Some(metadata)
    })
}

/// Reads them back.
pub(crate) fn read_origins(metadata: Option<&Metadata>, forward: &mut Forward) {
    let find =
        |key: &str| -> Option<Origin> { metadata::read_exact_origin(metadata?.filter_metadata.get(key)?) };
    for (at, mirror) in forward.mirrors.iter_mut().enumerate() {
        mirror.origin = find(&format!("{MIRROR_ORIGIN}{at}"));
    }
    if let Some(cors) = &mut forward.cors {
        Arc::make_mut(cors).origin = find(CORS_ORIGIN);
    }
}
