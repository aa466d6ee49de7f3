//! TLS of both sides. Keys and roots come by SDS over the same stream.

mod origination;

use envoy_types::pb::{
    envoy::{
        config::core::v3::{TransportSocket, transport_socket::ConfigType},
        extensions::transport_sockets::{
            raw_buffer::v3::RawBuffer,
            tls::v3::{
                CertificateValidationContext, CommonTlsContext, DownstreamTlsContext, SdsSecretConfig,
                SubjectAltNameMatcher, UpstreamTlsContext,
                common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
                subject_alt_name_matcher::SanType,
            },
        },
        r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
    },
    google::protobuf::Any,
};
use vigla_dataplane::{DownstreamTls, ROOTS_SECRET, WORKLOAD_SECRET};
use vigla_model::Principal;

use super::{Reason, flag, from_ads, pack, required, unpack};

pub(crate) use origination::{is_of_mesh, read as read_origination, write as write_origination};

/// Name of Envoy's TLS socket.
const TLS: &str = "envoy.transport_sockets.tls";

/// Towards callers. HTTP chains offer both versions: the connection manager tells them apart.
pub(crate) fn write_downstream(tls: &DownstreamTls, is_http: bool) -> TransportSocket {
    let alpn: &[&str] = if is_http { &["h2", "http/1.1"] } else { &[] };
    let roots = tls.client_roots.as_ref();
    socket(pack(&DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_sds_secret_configs: vec![sds(&tls.certificate)],
            alpn_protocols: alpn.iter().map(ToString::to_string).collect(),
            validation_context_type: roots
                .map(|name| ValidationContextType::ValidationContextSdsSecretConfig(sds(name))),
            ..CommonTlsContext::default()
        }),
        require_client_certificate: flag(roots.is_some()),
        ..DownstreamTlsContext::default()
    }))
}

pub(crate) fn read_downstream(message: &TransportSocket) -> Result<DownstreamTls, Reason> {
    let context: DownstreamTlsContext = unpack(config(message)?)?;
    let common = required(context.common_tls_context.as_ref(), "the TLS context")?;
    let client_roots = match &common.validation_context_type {
        Some(ValidationContextType::ValidationContextSdsSecretConfig(sds)) => Some(sds.name.as_str().into()),
        Some(_) => return Err("client certificates are checked in a way that is not supported".to_owned()),
        None => None,
    };
    if client_roots.is_some()
        && !context
            .require_client_certificate
            .is_some_and(|required| required.value)
    {
        return Err("client certificates are optional: not supported".to_owned());
    }
    Ok(DownstreamTls {
        certificate: only_certificate(common)?.into(),
        client_roots,
    })
}

/// The mesh's mutual TLS towards endpoints.
pub(crate) fn write_upstream(sni: &str, principals: &[Principal], alpn: &[&str]) -> TransportSocket {
    socket(pack(&UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_sds_secret_configs: vec![sds(WORKLOAD_SECRET)],
            alpn_protocols: alpn.iter().map(ToString::to_string).collect(),
            validation_context_type: Some(ValidationContextType::CombinedValidationContext(
                CombinedCertificateValidationContext {
                    default_validation_context: Some(CertificateValidationContext {
                        match_typed_subject_alt_names: principals.iter().map(write_san).collect(),
                        ..CertificateValidationContext::default()
                    }),
                    validation_context_sds_secret_config: Some(sds(ROOTS_SECRET)),
                    ..CombinedCertificateValidationContext::default()
                },
            )),
            ..CommonTlsContext::default()
        }),
        sni: sni.to_owned(),
        ..UpstreamTlsContext::default()
    }))
}

/// Server name, and SPIFFE ids that an endpoint may show.
pub(crate) fn read_upstream(message: &TransportSocket) -> Result<(String, Vec<Principal>), Reason> {
    let context: UpstreamTlsContext = unpack(config(message)?)?;
    let common = required(context.common_tls_context.as_ref(), "the TLS context")?;
    if only_certificate(common)? != WORKLOAD_SECRET {
        return Err("another certificate than the workload's is shown: not supported".to_owned());
    }
    let Some(ValidationContextType::CombinedValidationContext(validation)) = &common.validation_context_type
    else {
        return Err("the endpoint's certificate is not checked by the mesh's roots".to_owned());
    };
    let roots = required(
        validation.validation_context_sds_secret_config.as_ref(),
        "the mesh's roots",
    )?;
    if roots.name != ROOTS_SECRET {
        return Err(format!(
            "the endpoint is checked by `{}`: not supported",
            roots.name
        ));
    }
    let names = required(
        validation.default_validation_context.as_ref(),
        "the endpoint's SPIFFE ids",
    )?;
    let principals: Vec<_> = names
        .match_typed_subject_alt_names
        .iter()
        .map(read_san)
        .collect::<Result<_, _>>()?;
    if principals.is_empty() {
        return Err("any endpoint of the mesh would be accepted".to_owned());
    }
    Ok((context.sni, principals))
}

/// No TLS, where something must be said.
pub(crate) fn write_plaintext() -> TransportSocket {
    TransportSocket {
        name: "envoy.transport_sockets.raw_buffer".to_owned(),
        config_type: Some(ConfigType::TypedConfig(pack(&RawBuffer {}))),
    }
}

fn socket(config: Any) -> TransportSocket {
    TransportSocket {
        name: TLS.to_owned(),
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

fn config(message: &TransportSocket) -> Result<&Any, Reason> {
    match &message.config_type {
        Some(ConfigType::TypedConfig(any)) => Ok(any),
        None => Err(format!("transport socket `{}` has no settings", message.name)),
    }
}

fn sds(name: &str) -> SdsSecretConfig {
    SdsSecretConfig {
        name: name.to_owned(),
        sds_config: Some(from_ads()),
    }
}

fn only_certificate(common: &CommonTlsContext) -> Result<&str, Reason> {
    match common.tls_certificate_sds_secret_configs.as_slice() {
        [only] => Ok(&only.name),
        _ => Err("there must be one certificate by SDS".to_owned()),
    }
}

fn write_san(principal: &Principal) -> SubjectAltNameMatcher {
    SubjectAltNameMatcher {
        san_type: SanType::Uri.into(),
        matcher: Some(StringMatcher {
            match_pattern: Some(MatchPattern::Exact(principal.to_string())),
            ..StringMatcher::default()
        }),
        ..SubjectAltNameMatcher::default()
    }
}

fn read_san(message: &SubjectAltNameMatcher) -> Result<Principal, Reason> {
    match message
        .matcher
        .as_ref()
        .and_then(|matcher| matcher.match_pattern.as_ref())
    {
        Some(MatchPattern::Exact(text)) if message.san_type == i32::from(SanType::Uri) => {
            Principal::parse(text).map_err(|error| error.to_string())
        }
        _ => Err("an endpoint's name is no exact SPIFFE id".to_owned()),
    }
}
