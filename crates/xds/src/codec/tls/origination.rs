//! TLS that starts at the proxy, towards servers that are not of the mesh: keys and anchors come from files.

use envoy_types::pb::envoy::{
    config::core::v3::{DataSource, TransportSocket, data_source::Specifier},
    extensions::transport_sockets::tls::v3::{
        CertificateValidationContext, CommonTlsContext, SubjectAltNameMatcher, TlsCertificate,
        UpstreamTlsContext, common_tls_context::ValidationContextType, subject_alt_name_matcher::SanType,
    },
    r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
};
use vigla_dataplane::{ClientCertificate, Origination, TlsRoots};

use super::{config, socket};
use crate::codec::{Reason, pack, required, unpack};

/// The machine's trust anchors where Debian, Alpine and Envoy's own images have them: Envoy has no word for "the
/// system's".
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

pub(crate) fn write(origination: &Origination, alpn: &[&str]) -> TransportSocket {
    let roots = match &origination.roots {
        TlsRoots::System => Some(SYSTEM_ROOTS),
        TlsRoots::File(path) => Some(&**path),
        TlsRoots::Unchecked => None,
    };
    let validation = roots.map(|path| CertificateValidationContext {
        trusted_ca: Some(file(path)),
        match_typed_subject_alt_names: origination
            .subject_alt_names
            .iter()
            .map(|name| write_name(name))
            .collect(),
        ..CertificateValidationContext::default()
    });
    let client = origination.client.iter().map(|client| TlsCertificate {
        certificate_chain: Some(file(&client.chain)),
        private_key: Some(file(&client.key)),
        ..TlsCertificate::default()
    });
    socket(pack(&UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificates: client.collect(),
            alpn_protocols: alpn.iter().map(ToString::to_string).collect(),
            validation_context_type: validation.map(ValidationContextType::ValidationContext),
            ..CommonTlsContext::default()
        }),
        sni: origination.sni.as_deref().unwrap_or_default().to_owned(),
        ..UpstreamTlsContext::default()
    }))
}

/// Whether a socket is the mesh's mutual TLS: its certificate comes by SDS.
pub(crate) fn is_of_mesh(message: &TransportSocket) -> Result<bool, Reason> {
    let context: UpstreamTlsContext = unpack(config(message)?)?;
    let common = context.common_tls_context.as_ref();
    Ok(common.is_some_and(|common| !common.tls_certificate_sds_secret_configs.is_empty()))
}

pub(crate) fn read(message: &TransportSocket) -> Result<Origination, Reason> {
    let context: UpstreamTlsContext = unpack(config(message)?)?;
    let common = required(context.common_tls_context.as_ref(), "the TLS context")?;
    let (roots, subject_alt_names) = match &common.validation_context_type {
        None => (TlsRoots::Unchecked, Vec::new()),
        Some(ValidationContextType::ValidationContext(validation)) => {
            let known = CertificateValidationContext {
                trusted_ca: validation.trusted_ca.clone(),
                match_typed_subject_alt_names: validation.match_typed_subject_alt_names.clone(),
                ..CertificateValidationContext::default()
            };
            if known != *validation {
                return Err("the server is checked in a way that is not supported".to_owned());
            }
            let names = &validation.match_typed_subject_alt_names;
            let roots = match path(validation.trusted_ca.as_ref(), "the trust anchors")? {
                SYSTEM_ROOTS => TlsRoots::System,
                path => TlsRoots::File(path.into()),
            };
            (roots, names.iter().map(read_name).collect::<Result<_, _>>()?)
        }
        Some(_) => return Err("the server is checked in a way that is not supported".to_owned()),
    };
    let client = match common.tls_certificates.as_slice() {
        [] => None,
        [only] => Some(ClientCertificate {
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
