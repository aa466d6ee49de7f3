//! TLS that starts at the proxy, towards servers that are not of the mesh: keys and anchors come from files or by SDS.

use envoy_types::pb::envoy::{
    config::core::v3::{DataSource, TransportSocket, data_source::Specifier},
    extensions::transport_sockets::tls::v3::{
        CertificateValidationContext, CommonTlsContext, SubjectAltNameMatcher, TlsCertificate,
        UpstreamTlsContext,
        common_tls_context::{CombinedCertificateValidationContext, ValidationContextType},
        subject_alt_name_matcher::SanType,
    },
    r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
};
use vigla_dataplane::{ClientCertificate, Origination, TlsRoots, credential_of_secret};

use super::{config, sds, socket};
use crate::codec::{Reason, pack, required, unpack};

/// The machine's trust anchors where Debian, Alpine and Envoy's own images have them: Envoy has no word for "the
/// system's".
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

pub(crate) fn write(origination: &Origination, alpn: &[&str]) -> TransportSocket {
    let names = CertificateValidationContext {
        match_typed_subject_alt_names: origination
            .subject_alt_names
            .iter()
            .map(|name| write_name(name))
            .collect(),
        ..CertificateValidationContext::default()
    };
    let by_file = |path: &str| {
        ValidationContextType::ValidationContext(CertificateValidationContext {
            trusted_ca: Some(file(path)),
            ..names.clone()
        })
    };
    let validation = match &origination.roots {
        TlsRoots::System => Some(by_file(SYSTEM_ROOTS)),
        TlsRoots::File(path) => Some(by_file(path)),
        TlsRoots::Secret(name) => Some(ValidationContextType::CombinedValidationContext(
            CombinedCertificateValidationContext {
                default_validation_context: Some(names.clone()),
                validation_context_sds_secret_config: Some(sds(name)),
                ..CombinedCertificateValidationContext::default()
            },
        )),
        TlsRoots::Unchecked => None,
    };
    let mut common = CommonTlsContext {
        alpn_protocols: alpn.iter().map(ToString::to_string).collect(),
        validation_context_type: validation,
        ..CommonTlsContext::default()
    };
    match &origination.client {
        None => (),
        Some(ClientCertificate::Files { chain, key }) => common.tls_certificates.push(TlsCertificate {
            certificate_chain: Some(file(chain)),
            private_key: Some(file(key)),
            ..TlsCertificate::default()
        }),
        Some(ClientCertificate::Secret(name)) => common.tls_certificate_sds_secret_configs.push(sds(name)),
    }
    socket(pack(&UpstreamTlsContext {
        common_tls_context: Some(common),
        sni: origination.sni.as_deref().unwrap_or_default().to_owned(),
        ..UpstreamTlsContext::default()
    }))
}

/// Whether a socket is the mesh's mutual TLS: it shows the workload's certificate.
pub(crate) fn is_of_mesh(message: &TransportSocket) -> Result<bool, Reason> {
    let context: UpstreamTlsContext = unpack(config(message)?)?;
    let common = context.common_tls_context.as_ref();
    let mut shown = common
        .iter()
        .flat_map(|common| &common.tls_certificate_sds_secret_configs);
    Ok(shown.any(|sds| credential_of_secret(&sds.name).is_none()))
}

pub(crate) fn read(message: &TransportSocket) -> Result<Origination, Reason> {
    let context: UpstreamTlsContext = unpack(config(message)?)?;
    let common = required(context.common_tls_context.as_ref(), "the TLS context")?;
    let unsupported = || "the server is checked in a way that is not supported".to_owned();
    let (roots, names) = match &common.validation_context_type {
        None => (TlsRoots::Unchecked, None),
        Some(ValidationContextType::ValidationContext(names)) => {
            let roots = match path(names.trusted_ca.as_ref(), "the trust anchors")? {
                SYSTEM_ROOTS => TlsRoots::System,
                path => TlsRoots::File(path.into()),
            };
            (roots, Some(names))
        }
        Some(ValidationContextType::CombinedValidationContext(both)) => {
            let sds = both.validation_context_sds_secret_config.as_ref();
            let names = both.default_validation_context.as_ref();
            if names.is_none_or(|names| names.trusted_ca.is_some()) {
                return Err(unsupported());
            }
            let name = &required(sds, "the trust anchors")?.name;
            (TlsRoots::Secret(name.as_str().into()), names)
        }
        Some(_) => return Err(unsupported()),
    };
    let mut subject_alt_names = Vec::new();
    if let Some(names) = names {
        let known = CertificateValidationContext {
            trusted_ca: names.trusted_ca.clone(),
            match_typed_subject_alt_names: names.match_typed_subject_alt_names.clone(),
            ..CertificateValidationContext::default()
        };
        if known != *names {
            return Err(unsupported());
        }
        let all = names.match_typed_subject_alt_names.iter();
        subject_alt_names = all.map(read_name).collect::<Result<_, _>>()?;
    }
    let by_sds = common.tls_certificate_sds_secret_configs.as_slice();
    let client = match (common.tls_certificates.as_slice(), by_sds) {
        ([], []) => None,
        ([], [only]) => Some(ClientCertificate::Secret(only.name.as_str().into())),
        ([only], []) => Some(ClientCertificate::Files {
            chain: path(only.certificate_chain.as_ref(), "the client's certificate")?.into(),
            key: path(only.private_key.as_ref(), "the client's key")?.into(),
        }),
        _ => return Err("several client certificates are not supported".to_owned()),
    };
    Ok(Origination {
        sni: (!context.sni.is_empty()).then(|| context.sni.into()),
        subject_alt_names,
        roots,
        client,
    })
}

fn file(path: &str) -> DataSource {
    DataSource {
        specifier: Some(Specifier::Filename(path.to_owned())),
        ..DataSource::default()
    }
}

fn path<'m>(source: Option<&'m DataSource>, what: &str) -> Result<&'m str, Reason> {
    match source.and_then(|source| source.specifier.as_ref()) {
        Some(Specifier::Filename(path)) => Ok(path),
        Some(_) => Err(format!("{what}: only files are supported")),
        None => Err(format!("{what}: missing")),
    }
}

fn san_type(name: &str) -> SanType {
    if name.contains("://") {
        SanType::Uri
    } else if name.parse::<std::net::IpAddr>().is_ok() {
        SanType::IpAddress
    } else {
        SanType::Dns
    }
}

fn write_name(name: &str) -> SubjectAltNameMatcher {
    SubjectAltNameMatcher {
        san_type: san_type(name).into(),
        matcher: Some(StringMatcher {
            match_pattern: Some(MatchPattern::Exact(name.to_owned())),
            ..StringMatcher::default()
        }),
        ..SubjectAltNameMatcher::default()
    }
}

fn read_name(message: &SubjectAltNameMatcher) -> Result<std::sync::Arc<str>, Reason> {
    let pattern = message
        .matcher
        .as_ref()
        .and_then(|matcher| matcher.match_pattern.as_ref());
    match pattern {
        Some(MatchPattern::Exact(text)) if message.san_type == i32::from(san_type(text)) => {
            Ok(text.as_str().into())
        }
        _ => Err("the server's name is matched in a way that is not supported".to_owned()),
    }
}
