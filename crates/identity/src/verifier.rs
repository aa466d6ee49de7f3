//! Which servers are accepted: by the chain of their certificate, and by who it says that they are.

use std::sync::Arc;

use rustls::{
    DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use vigla_model::Principal;

use crate::peer_identity;

/// Who may answer.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// Workloads of the mesh, by their SPIFFE ids.
    Principals(Arc<[Principal]>),
    /// Servers that have one of these names: DNS names, IP addresses, SPIFFE ids.
    Names(Arc<[Arc<str>]>),
}

/// Accepts servers by chain and name.
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    /// `None`: nothing is checked, names neither.
    pub(crate) roots: Option<Arc<RootCertStore>>,
    pub(crate) accepted: Accepted,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl Accepted {
    fn check(
        &self,
        certificate: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let refuse = |reason| Err(rustls::Error::General(reason));
        let principal = || peer_identity(certificate).principal;
        match self {
            Self::Principals(allowed) => match principal() {
                Some(shown) if allowed.contains(&shown) => Ok(ServerCertVerified::assertion()),
                Some(other) => refuse(format!(
                    "the endpoint is {other}, which the cluster does not allow"
                )),
                None => refuse("the endpoint's certificate has no SPIFFE id".to_owned()),
            },
            Self::Names(names) => {
                let has = |name: &str| {
                    if name.contains("://") {
                        return principal().is_some_and(|id| id.to_string() == name);
                    }
                    ServerName::try_from(name).is_ok_and(|name| verify_server_name(parsed, &name).is_ok())
                };
                if names.iter().any(|name| has(name)) {
                    return Ok(ServerCertVerified::assertion());
                }
                refuse(format!(
                    "the server's certificate has none of the names {}",
                    names.join(", ")
                ))
            }
        }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)?;
        self.accepted.check(end_entity, &parsed)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
