//! Bounds of a cluster, and when its endpoints are ejected.

use std::time::Duration;

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::{
                CircuitBreakers, Cluster as Message, OutlierDetection, UpstreamConnectionOptions,
                circuit_breakers::Thresholds,
            },
            core::v3::{HttpProtocolOptions, Metadata, TcpKeepalive},
        },
        r#type::v3::Percent,
    },
    google::protobuf::UInt32Value,
};
use vigla_dataplane::{ConnectionPool, Keepalive, Outlier};

use crate::codec::{Reason, metadata, number, read_duration, write_duration};

/// Where the origins of these two stand in a cluster's metadata.
const POOL_ORIGIN: &str = "vigla.origin.pool";
const OUTLIER_ORIGIN: &str = "vigla.origin.outlier";

pub(super) fn write_pool(pool: &ConnectionPool) -> CircuitBreakers {
    // Envoy's own bounds are 1024 and 3 retries; Istio's are none.
    let bound = |bound: Option<u32>| number(bound.unwrap_or(u32::MAX));
    CircuitBreakers {
        thresholds: vec![Thresholds {
            max_connections: bound(pool.max_connections),
            max_pending_requests: bound(pool.max_pending_requests),
            max_requests: bound(pool.max_requests),
            max_retries: bound(pool.max_retries),
            ..Thresholds::default()
        }],
        ..CircuitBreakers::default()
    }
}

/// What concerns each connection of HTTP.
pub(super) fn write_connections(pool: &ConnectionPool) -> Option<HttpProtocolOptions> {
    let options = HttpProtocolOptions {
        idle_timeout: pool.idle_timeout.map(write_duration),
        max_requests_per_connection: pool.max_requests_per_connection.and_then(number),
        ..HttpProtocolOptions::default()
    };
    (options != HttpProtocolOptions::default()).then_some(options)
}

pub(super) fn write_keepalive(pool: &ConnectionPool) -> Option<UpstreamConnectionOptions> {
    let seconds = |time: Option<Duration>| {
        time.and_then(|time| number(u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)))
    };
    pool.keepalive.map(|keepalive| UpstreamConnectionOptions {
        tcp_keepalive: Some(TcpKeepalive {
            keepalive_probes: keepalive.probes.and_then(number),
            keepalive_time: seconds(keepalive.time),
            keepalive_interval: seconds(keepalive.interval),
        }),
        ..UpstreamConnectionOptions::default()
    })
}

pub(super) fn read_pool(
    message: &Message,
    connections: Option<&HttpProtocolOptions>,
) -> Result<ConnectionPool, Reason> {
    let breakers = message.circuit_breakers.as_ref();
    // The thresholds of high priority, which no route of ours asks for, count for nothing.
    let thresholds =
        breakers.and_then(|breakers| breakers.thresholds.iter().find(|found| found.priority == 0));
    let bound = |bound: Option<UInt32Value>, default: u32| {
        let bound = thresholds.and(bound).map_or(default, |bound| bound.value);
        (bound != u32::MAX).then_some(bound)
    };
    let of = |field: fn(&Thresholds) -> Option<UInt32Value>| thresholds.and_then(field);
    let keepalive = message
        .upstream_connection_options
        .as_ref()
        .and_then(|options| options.tcp_keepalive.as_ref());
    let value = |number: Option<UInt32Value>| number.map(|number| number.value);
    let seconds = |number| value(number).map(|seconds| Duration::from_secs(seconds.into()));
    Ok(ConnectionPool {
        max_connections: bound(of(|found| found.max_connections), 1024),
        max_pending_requests: bound(of(|found| found.max_pending_requests), 1024),
        max_requests: bound(of(|found| found.max_requests), 1024),
        max_retries: bound(of(|found| found.max_retries), 3),
        max_requests_per_connection: connections
            .and_then(|options| value(options.max_requests_per_connection))
            .filter(|&requests| requests > 0),
        idle_timeout: connections
            .and_then(|options| options.idle_timeout.as_ref())
            .map(read_duration)
            .transpose()?,
        keepalive: keepalive.map(|keepalive| Keepalive {
            probes: value(keepalive.keepalive_probes),
            time: seconds(keepalive.keepalive_time),
            interval: seconds(keepalive.keepalive_interval),
        }),
        origin: read_origin(message.metadata.as_ref(), POOL_ORIGIN),
    })
}

pub(super) fn write_outlier(outlier: &Outlier) -> OutlierDetection {
    let enforced = |count: Option<u32>| number(if count.is_some() { 100 } else { 0 });
    let split = outlier.split_external_local_origin_errors;
    OutlierDetection {
        consecutive_5xx: outlier.consecutive_5xx.and_then(number),
        enforcing_consecutive_5xx: enforced(outlier.consecutive_5xx),
        consecutive_gateway_failure: outlier.consecutive_gateway_errors.and_then(number),
        enforcing_consecutive_gateway_failure: enforced(outlier.consecutive_gateway_errors),
        split_external_local_origin_errors: split,
        consecutive_local_origin_failure: outlier.consecutive_local_origin_failures.and_then(number),
        enforcing_consecutive_local_origin_failure: enforced(outlier.consecutive_local_origin_failures),
        interval: Some(write_duration(outlier.interval)),
        base_ejection_time: Some(write_duration(outlier.base_ejection_time)),
        max_ejection_percent: number(outlier.max_ejection_percent),
        // Istio judges by failures in a row only.
        enforcing_success_rate: number(0),
        enforcing_local_origin_success_rate: number(0),
        ..OutlierDetection::default()
    }
}

pub(super) fn read_outlier(message: &Message) -> Result<Option<Outlier>, Reason> {
    let Some(detection) = &message.outlier_detection else {
        return Ok(None);
    };
    let counted = |count: Option<UInt32Value>, enforced: Option<UInt32Value>, by_default: u32| {
        let share = enforced.map_or(by_default, |share| share.value);
        (share > 0).then(|| count.map_or(5, |count| count.value))
    };
    let defaults = Outlier::default();
    let time = |written: &Option<_>, default: Duration| written.as_ref().map_or(Ok(default), read_duration);
    Ok(Some(Outlier {
        consecutive_5xx: counted(
            detection.consecutive_5xx,
            detection.enforcing_consecutive_5xx,
            100,
        ),
        consecutive_gateway_errors: counted(
            detection.consecutive_gateway_failure,
            detection.enforcing_consecutive_gateway_failure,
            0,
        ),
        consecutive_local_origin_failures: counted(
            detection.consecutive_local_origin_failure,
            detection.enforcing_consecutive_local_origin_failure,
            100,
        ),
        split_external_local_origin_errors: detection.split_external_local_origin_errors,
        interval: time(&detection.interval, defaults.interval)?,
        base_ejection_time: time(&detection.base_ejection_time, defaults.base_ejection_time)?,
        max_ejection_percent: detection
            .max_ejection_percent
            .map_or(defaults.max_ejection_percent, |percent| percent.value),
        min_health_percent: min_health(message),
        origin: read_origin(message.metadata.as_ref(), OUTLIER_ORIGIN),
    }))
}

/// Envoy's panic threshold; its own default is 50, Istio's 0.
pub(super) fn panic_threshold(outlier: Option<&Outlier>) -> Percent {
    Percent {
        value: outlier.map_or(0, |outlier| outlier.min_health_percent).into(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of hundred, cut to that range"
)]
fn min_health(message: &Message) -> u32 {
    let config = message.common_lb_config.as_ref();
    let threshold = config.and_then(|config| config.healthy_panic_threshold.as_ref());
    threshold.map_or(50, |percent| percent.value.clamp(0.0, 100.0).round() as u32)
}

/// Adds the origins of both to a cluster's metadata.
pub(super) fn write_origins(
    metadata: Option<Metadata>,
    pool: &ConnectionPool,
    outlier: Option<&Outlier>,
) -> Option<Metadata> {
    let mut origins = [
        (POOL_ORIGIN, pool.origin.as_ref()),
        (
            OUTLIER_ORIGIN,
            outlier.and_then(|outlier| outlier.origin.as_ref()),
        ),
    ]
    .into_iter()
    .filter_map(|(name, origin)| Some((name.to_owned(), metadata::write_origin(origin?))))
    .peekable();
    if origins.peek().is_none() {
        return metadata;
    }
    let mut metadata = metadata.unwrap_or_default();
    metadata.filter_metadata.extend(origins);
    Some(metadata)
}

fn read_origin(metadata: Option<&Metadata>, name: &str) -> Option<vigla_model::Origin> {
    metadata::read_exact_origin(metadata?.filter_metadata.get(name)?)
}
