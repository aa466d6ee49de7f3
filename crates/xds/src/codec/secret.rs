//! Secrets.

use std::sync::Arc;

use envoy_types::pb::envoy::{
    config::core::v3::{DataSource, data_source::Specifier},
    extensions::transport_sockets::tls::v3::{
        CertificateValidationContext, Secret as Message, TlsCertificate, secret::Type,
    },
};
use zeroize::Zeroizing;

use super::{Reason, required};
use crate::Secret;

pub(crate) fn write(name: &str, secret: &Secret) -> Message {
    Message {
        name: name.to_owned(),
        r#type: Some(match secret {
            Secret::Certificate { chain_pem, key_pem } => Type::TlsCertificate(TlsCertificate {
                certificate_chain: Some(inline(chain_pem)),
                private_key: Some(inline(key_pem)),
                ..TlsCertificate::default()
            }),
            Secret::Roots { pem } => Type::ValidationContext(CertificateValidationContext {
                trusted_ca: Some(inline(pem)),
                ..CertificateValidationContext::default()
            }),
        }),
    }
}

pub(crate) fn read(message: Message) -> Result<(Arc<str>, Secret), Reason> {
    let secret = match message.r#type {
        Some(Type::TlsCertificate(certificate)) => Secret::Certificate {
            chain_pem: text(certificate.certificate_chain, "the certificate chain")?,
            key_pem: Zeroizing::new(text(certificate.private_key, "the key")?),
        },
        Some(Type::ValidationContext(context)) => Secret::Roots {
            pem: text(context.trusted_ca, "the trust anchor")?,
        },
        _ => return Err("the secret's type is not supported".to_owned()),
    };
    Ok((message.name.into(), secret))
}

fn inline(text: &str) -> DataSource {
    DataSource {
        specifier: Some(Specifier::InlineString(text.to_owned())),
        ..DataSource::default()
    }
}

fn text(source: Option<DataSource>, what: &str) -> Result<String, Reason> {
    match required(source, what)?.specifier {
        Some(Specifier::InlineString(text)) => Ok(text),
        Some(Specifier::InlineBytes(bytes)) => {
            String::from_utf8(bytes).map_err(|_| format!("{what} is no text"))
        }
        _ => Err(format!("{what} is not inline")),
    }
}
