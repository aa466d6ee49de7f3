//! What a route does: forward, redirect, respond; retries and faults.

use std::{collections::HashMap, time::Duration};

use envoy_types::pb::{
    envoy::{
        config::{
            core::v3::{DataSource, data_source::Specifier},
            route::v3::{
                DirectResponseAction, RedirectAction, RetryPolicy, RouteAction as Message,
                WeightedCluster as Weighted,
                redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier},
                retry_policy::{RetryHostPredicate, retry_host_predicate::ConfigType},
                route_action::{ClusterSpecifier, HostRewriteSpecifier},
                weighted_cluster::ClusterWeight,
            },
        },
        extensions::{
            filters::{
                common::fault::v3::{FaultDelay, fault_delay::FaultDelaySecifier},
                http::fault::v3::{FaultAbort, HttpFault, fault_abort::ErrorType},
            },
            retry::host::previous_hosts::v3::PreviousHostsPredicate,
        },
        r#type::{
            matcher::v3::RegexMatchAndSubstitute,
            v3::{FractionalPercent, fractional_percent::DenominatorType},
        },
    },
    google::protobuf::{Any, Struct, Value, value::Kind},
};
use vigla_dataplane::{
    Fault, Forward, HeaderEdits, PathRewrite, Redirect, RedirectPath, Retry, RouteAction, WeightedCluster,
};

use super::{
    Reason, extra, headers, matches,
    metadata::{self, Fields},
    number, pack, read_duration, required, unpack, write_duration,
};

/// Key of the origin in a fault's metadata.
const FAULT_ORIGIN: &str = "vigla.origin";
/// Tries to find an endpoint that has not failed this request yet.
const HOST_PICKS: i64 = 5;

#[expect(deprecated, reason = "Istio bounds deadlines of gRPC by this field")]
pub(crate) fn write_forward(forward: &Forward) -> Message {
    let (prefix_rewrite, regex_rewrite) = match &forward.path {
        Some(PathRewrite::Prefix(prefix)) => (prefix.to_string(), None),
        Some(PathRewrite::Regex {
            pattern,
            substitution,
        }) => (
            String::new(),
            Some(RegexMatchAndSubstitute {
                pattern: Some(matches::write_pattern(pattern)),
                substitution: substitution.to_string(),
            }),
        ),
        None => (String::new(), None),
    };
    let (cluster_specifier, metadata_match) = match forward.clusters.as_slice() {
        // Envoy throws no die for a single cluster. Header edits need the long form.
        [only] if only.request_headers.is_empty() && only.response_headers.is_empty() => (
            ClusterSpecifier::Cluster(only.cluster.to_string()),
            metadata::write(
                Fields::default().number("weight", only.weight),
                only.origin.as_ref(),
            ),
        ),
        several => {
            let clusters = several.iter().map(write_weighted).collect();
            (
                ClusterSpecifier::WeightedClusters(Weighted {
                    clusters,
                    ..Weighted::default()
                }),
                None,
            )
        }
    };
    Message {
        // Envoy balances by the namespace `envoy.lb` only; ours tell origin and weight.
        metadata_match,
        cluster_specifier: Some(cluster_specifier),
        prefix_rewrite,
        regex_rewrite,
        timeout: Some(write_duration(forward.timeout.unwrap_or(Duration::ZERO))),
        // Deprecated in favour of a limit of whole streams, which is another thing: as in Istio, the caller's own
        // deadline counts up to the route's. Zero: as it is.
        max_grpc_timeout: Some(write_duration(forward.timeout.unwrap_or(Duration::ZERO))),
        retry_policy: forward.retry.as_ref().map(write_retry),
        request_mirror_policies: forward.mirrors.iter().map(extra::write_mirror).collect(),
        hash_policy: forward.hash.iter().map(extra::write_hash).collect(),
        host_rewrite_specifier: forward
            .authority
            .as_ref()
            .map(|host| HostRewriteSpecifier::HostRewriteLiteral(host.to_string())),
        ..Message::default()
    }
}

#[expect(deprecated, reason = "Istio bounds deadlines of gRPC by this field")]
pub(crate) fn read_forward(message: &Message) -> Result<Forward, Reason> {
    let known = Message {
        metadata_match: message.metadata_match.clone(),
        cluster_specifier: message.cluster_specifier.clone(),
        prefix_rewrite: message.prefix_rewrite.clone(),
        regex_rewrite: message.regex_rewrite.clone(),
        timeout: message.timeout,
        max_grpc_timeout: message.max_grpc_timeout,
        retry_policy: message.retry_policy.clone(),
        host_rewrite_specifier: message.host_rewrite_specifier.clone(),
        request_mirror_policies: message.request_mirror_policies.clone(),
        hash_policy: message.hash_policy.clone(),
        ..Message::default()
    };
    if known != *message {
        return Err("forwards in a way that is not supported".to_owned());
    }
    if message.max_grpc_timeout != message.timeout {
        return Err(
            "deadlines of gRPC callers have another bound than the route's: not supported".to_owned(),
        );
    }
    let clusters = match required(message.cluster_specifier.as_ref(), "the cluster")? {
        ClusterSpecifier::Cluster(name) => vec![WeightedCluster {
            cluster: name.as_str().into(),
            weight: metadata::read_number(message.metadata_match.as_ref(), "weight").unwrap_or(100),
            request_headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
            origin: metadata::read_origin(message.metadata_match.as_ref()),
        }],
        ClusterSpecifier::WeightedClusters(weighted) => weighted
            .clusters
            .iter()
            .map(read_weighted)
            .collect::<Result<_, _>>()?,
        _ => return Err("the cluster is named in a way that is not supported".to_owned()),
    };
    if clusters.is_empty() {
        return Err("there is no cluster".to_owned());
    }
    let mut forward = Forward {
        clusters,
        timeout: match &message.timeout {
            Some(timeout) => Some(read_duration(timeout)?).filter(|timeout| !timeout.is_zero()),
            None => Some(Duration::from_secs(15)), // Envoy's default.
        },
        retry: message.retry_policy.as_ref().map(read_retry).transpose()?,
        path: match &message.regex_rewrite {
            Some(rewrite) => Some(PathRewrite::Regex {
                pattern: matches::read_pattern(required(rewrite.pattern.as_ref(), "the rewrite's pattern")?)?,
                substitution: rewrite.substitution.as_str().into(),
            }),
            None if message.prefix_rewrite.is_empty() => None,
            None => Some(PathRewrite::Prefix(message.prefix_rewrite.as_str().into())),
        },
        authority: match &message.host_rewrite_specifier {
            Some(HostRewriteSpecifier::HostRewriteLiteral(host)) => Some(host.as_str().into()),
            Some(_) => return Err("the authority is rewritten in a way that is not supported".to_owned()),
            None => None,
        },
        // Stand beside the action.
        fault: None,
        cors: None,
        mirrors: Vec::new(),
        hash: Vec::new(),
    };
    extra::read(message, &mut forward)?;
    Ok(forward)
}

fn write_weighted(cluster: &WeightedCluster) -> ClusterWeight {
    let (request_headers_to_add, request_headers_to_remove) = headers::write(&cluster.request_headers);
    let (response_headers_to_add, response_headers_to_remove) = headers::write(&cluster.response_headers);
    ClusterWeight {
        name: cluster.cluster.to_string(),
        weight: number(cluster.weight),
        metadata_match: metadata::write(Fields::default(), cluster.origin.as_ref()),
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        ..ClusterWeight::default()
    }
}

fn read_weighted(message: &ClusterWeight) -> Result<WeightedCluster, Reason> {
    if message.host_rewrite_specifier.is_some() || !message.typed_per_filter_config.is_empty() {
        return Err(format!(
            "cluster `{}` has its own settings: not supported",
            message.name
        ));
    }
    Ok(WeightedCluster {
        cluster: message.name.as_str().into(),
        weight: required(message.weight, "a cluster's weight")?.value,
        request_headers: headers::read(
            &message.request_headers_to_add,
            &message.request_headers_to_remove,
        )?,
        response_headers: headers::read(
            &message.response_headers_to_add,
            &message.response_headers_to_remove,
        )?,
        origin: metadata::read_origin(message.metadata_match.as_ref()),
    })
}

fn write_retry(retry: &Retry) -> RetryPolicy {
    RetryPolicy {
        retry_on: retry.on.join(","),
        num_retries: number(retry.attempts),
        per_try_timeout: retry.per_try_timeout.map(write_duration),
        retriable_status_codes: retry.statuses.iter().map(|status| (*status).into()).collect(),
        retry_host_predicate: vec![RetryHostPredicate {
            name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
            config_type: Some(ConfigType::TypedConfig(pack(&PreviousHostsPredicate {}))),
        }],
        host_selection_retry_max_attempts: HOST_PICKS,
        ..RetryPolicy::default()
    }
}

fn read_retry(message: &RetryPolicy) -> Result<Retry, Reason> {
    let status = |code: &u32| u16::try_from(*code).map_err(|_| format!("{code} is no HTTP status"));
    Ok(Retry {
        attempts: message.num_retries.map_or(1, |number| number.value),
        on: message
            .retry_on
            .split(',')
            .filter(|condition| !condition.is_empty())
            .map(Into::into)
            .collect(),
        statuses: message
            .retriable_status_codes
            .iter()
            .map(status)
            .collect::<Result<_, _>>()?,
        per_try_timeout: message.per_try_timeout.as_ref().map(read_duration).transpose()?,
        ..Retry::default()
    })
}

pub(crate) fn write_redirect(redirect: &Redirect) -> RedirectAction {
    RedirectAction {
        host_redirect: redirect.host.as_deref().unwrap_or_default().to_owned(),
        port_redirect: redirect.port.unwrap_or(0).into(),
        response_code: match redirect.status {
            302 => RedirectResponseCode::Found,
            303 => RedirectResponseCode::SeeOther,
            307 => RedirectResponseCode::TemporaryRedirect,
            308 => RedirectResponseCode::PermanentRedirect,
            _ => RedirectResponseCode::MovedPermanently,
        }
        .into(),
        scheme_rewrite_specifier: redirect
            .scheme
            .as_ref()
            .map(|scheme| SchemeRewriteSpecifier::SchemeRedirect(scheme.to_string())),
        path_rewrite_specifier: redirect.path.as_ref().map(|path| match path {
            RedirectPath::Full(path) => PathRewriteSpecifier::PathRedirect(path.to_string()),
            RedirectPath::Prefix(prefix) => PathRewriteSpecifier::PrefixRewrite(prefix.to_string()),
        }),
        ..RedirectAction::default()
    }
}

pub(crate) fn read_redirect(message: &RedirectAction) -> Result<Redirect, Reason> {
    Ok(Redirect {
        status: match RedirectResponseCode::try_from(message.response_code) {
            Ok(RedirectResponseCode::MovedPermanently) => 301,
            Ok(RedirectResponseCode::Found) => 302,
            Ok(RedirectResponseCode::SeeOther) => 303,
            Ok(RedirectResponseCode::TemporaryRedirect) => 307,
            Ok(RedirectResponseCode::PermanentRedirect) => 308,
            Err(_) => return Err("the redirect's status is unknown".to_owned()),
        },
        scheme: match &message.scheme_rewrite_specifier {
            Some(SchemeRewriteSpecifier::SchemeRedirect(scheme)) => Some(scheme.as_str().into()),
            Some(SchemeRewriteSpecifier::HttpsRedirect(true)) => Some("https".into()),
            Some(SchemeRewriteSpecifier::HttpsRedirect(false)) | None => None,
        },
        host: (!message.host_redirect.is_empty()).then(|| message.host_redirect.as_str().into()),
        port: match u16::try_from(message.port_redirect) {
            Ok(0) => None,
            Ok(port) => Some(port),
            Err(_) => return Err(format!("{} is no port", message.port_redirect)),
        },
        path: match &message.path_rewrite_specifier {
            Some(PathRewriteSpecifier::PathRedirect(path)) => Some(RedirectPath::Full(path.as_str().into())),
            Some(PathRewriteSpecifier::PrefixRewrite(path)) => {
                Some(RedirectPath::Prefix(path.as_str().into()))
            }
            Some(_) => return Err("the redirect's path is not supported".to_owned()),
            None => None,
        },
    })
}

pub(crate) fn write_respond(status: u16, body: &str) -> DirectResponseAction {
    DirectResponseAction {
        status: status.into(),
        body: (!body.is_empty()).then(|| DataSource {
            specifier: Some(Specifier::InlineString(body.to_owned())),
            ..DataSource::default()
        }),
        ..DirectResponseAction::default()
    }
}

pub(crate) fn read_respond(message: &DirectResponseAction) -> Result<RouteAction, Reason> {
    let body = match message.body.as_ref().map(|body| &body.specifier) {
        Some(Some(Specifier::InlineString(body))) => body.as_str().into(),
        None => "".into(),
        Some(_) => return Err("the response's body is not inline".to_owned()),
    };
    let status =
        u16::try_from(message.status).map_err(|_| format!("{} is no HTTP status", message.status))?;
    Ok(RouteAction::Respond { status, body })
}

pub(crate) fn write_fault(fault: &Fault) -> Any {
    let origin = fault.origin.as_ref().map(metadata::write_origin);
    pack(&HttpFault {
        delay: fault.delay.map(|(share, duration)| FaultDelay {
            percentage: Some(millionths(share)),
            fault_delay_secifier: Some(FaultDelaySecifier::FixedDelay(write_duration(duration))),
        }),
        abort: fault.abort.map(|(share, status)| FaultAbort {
            percentage: Some(millionths(share)),
            error_type: Some(ErrorType::HttpStatus(status.into())),
            ..FaultAbort::default()
        }),
        filter_metadata: origin.map(|origin| Struct {
            fields: HashMap::from([(
                FAULT_ORIGIN.to_owned(),
                Value {
                    kind: Some(Kind::StructValue(origin)),
                },
            )]),
        }),
        ..HttpFault::default()
    })
}

pub(crate) fn read_fault(any: &Any) -> Result<Fault, Reason> {
    let message: HttpFault = unpack(any)?;
    let delay = message
        .delay
        .as_ref()
        .map(|delay| match &delay.fault_delay_secifier {
            Some(FaultDelaySecifier::FixedDelay(duration)) => {
                Ok((read_millionths(delay.percentage)?, read_duration(duration)?))
            }
            _ => Err("the fault's delay is not fixed".to_owned()),
        });
    let abort = message.abort.as_ref().map(|abort| match abort.error_type {
        Some(ErrorType::HttpStatus(status)) => {
            let status = u16::try_from(status).map_err(|_| format!("{status} is no HTTP status"))?;
            Ok((read_millionths(abort.percentage)?, status))
        }
        _ => Err("the fault's abort is no HTTP status".to_owned()),
    });
    let origin = message.filter_metadata.as_ref().and_then(|fields| {
        match fields.fields.get(FAULT_ORIGIN)?.kind.as_ref()? {
            Kind::StructValue(origin) => metadata::read_exact_origin(origin),
            _ => None,
        }
    });
    Ok(Fault {
        delay: delay.transpose()?,
        abort: abort.transpose()?,
        origin,
    })
}

pub(super) fn millionths(share: u32) -> FractionalPercent {
    FractionalPercent {
        numerator: share,
        denominator: DenominatorType::Million.into(),
    }
}

pub(super) fn read_millionths(share: Option<FractionalPercent>) -> Result<u32, Reason> {
    let share = required(share, "the share")?;
    let factor = match DenominatorType::try_from(share.denominator) {
        Ok(DenominatorType::Hundred) => 10_000,
        Ok(DenominatorType::TenThousand) => 100,
        Ok(DenominatorType::Million) => 1,
        Err(_) => return Err("the share has an unknown denominator".to_owned()),
    };
    Ok(share.numerator.saturating_mul(factor))
}
