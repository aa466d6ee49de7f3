//! Spans by OpenTelemetry.

use envoy_types::pb::envoy::{
    config::{
        core::v3::{
            GrpcService,
            grpc_service::{EnvoyGrpc, TargetSpecifier},
        },
        trace::v3::{OpenTelemetryConfig, tracing::Http, tracing::http::ConfigType},
    },
    extensions::filters::network::http_connection_manager::v3::http_connection_manager::Tracing as Message,
    r#type::{
        tracing::v3::{
            CustomTag,
            custom_tag::{Literal, Type},
        },
        v3::Percent,
    },
};
use prost::Name;
use vigla_dataplane::Tracing;
use vigla_model::PeerIdentity;

use super::{pack, unpack};

/// Millionths in one percent.
const PER_PERCENT: f64 = 10_000.0;

pub(crate) fn write(tracing: &Tracing, local: &PeerIdentity) -> Message {
    let all = || Some(Percent { value: 100.0 });
    Message {
        client_sampling: all(),
        random_sampling: Some(Percent {
            value: f64::from(tracing.sampling) / PER_PERCENT,
        }),
        overall_sampling: all(),
        custom_tags: tags(local),
        provider: Some(Http {
            name: "envoy.tracers.opentelemetry".to_owned(),
            config_type: Some(ConfigType::TypedConfig(pack(&OpenTelemetryConfig {
                grpc_service: Some(GrpcService {
                    target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                        cluster_name: Tracing::cluster(tracing.collector).to_string(),
                        ..EnvoyGrpc::default()
                    })),
                    ..GrpcService::default()
                }),
                service_name: tracing.service.to_string(),
                ..OpenTelemetryConfig::default()
            }))),
        }),
        ..Message::default()
    }
}

/// Istio's tags of the proxy's own workload.
fn tags(local: &PeerIdentity) -> Vec<CustomTag> {
    let values = [
        (
            "istio.canonical_service",
            local.app.as_ref().map(ToString::to_string),
        ),
        (
            "istio.canonical_revision",
            local.version.as_ref().map(ToString::to_string),
        ),
        (
            "istio.namespace",
            local.namespace.as_ref().map(ToString::to_string),
        ),
        ("istio.workload", local.workload.as_ref().map(ToString::to_string)),
    ];
    let tag = |(tag, value): (&str, Option<String>)| {
        Some(CustomTag {
            tag: tag.to_owned(),
            r#type: Some(Type::Literal(Literal { value: value? })),
        })
    };
    values.into_iter().filter_map(tag).collect()
}

/// Another tracer than ours decides nothing about requests: then no spans are made.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of hundred, cut to that range"
)]
pub(crate) fn read(message: &Message) -> Option<Tracing> {
    let Some(ConfigType::TypedConfig(any)) = &message.provider.as_ref()?.config_type else {
        return None;
    };
    if any.type_url != OpenTelemetryConfig::type_url() {
        return None;
    }
    let config: OpenTelemetryConfig = unpack(any).ok()?;
    let Some(TargetSpecifier::EnvoyGrpc(grpc)) = config.grpc_service?.target_specifier else {
        return None;
    };
    let percent = message
        .random_sampling
        .as_ref()
        .map_or(100.0, |percent| percent.value);
    Some(Tracing {
        sampling: (percent.clamp(0.0, 100.0) * PER_PERCENT).round() as u32,
        collector: Tracing::collector_of(&grpc.cluster_name)?,
        service: config.service_name.into(),
    })
}
