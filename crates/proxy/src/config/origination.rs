//! TLS that starts here, towards servers that are not of the mesh.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use vigla_dataplane::{Origination, TlsRoots};
use vigla_identity::{peer_identity, provider};

/// The configuration, and the name that is sent. Files are read here: a changed file counts from the next change
/// of the cluster on.
pub(super) fn client(
    origination: &Origination,
    alpn: &[&str],
) -> Result<(ClientConfig, ServerName<'static>), String> {
    let provider = provider();
    let verifier = Verifier {
        roots: read_roots(&origination.roots)?,
        names: origination.subject_alt_names.clone(),
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &origination.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain = read_certificates(&client.chain)?;
            let key = PrivateKeyDer::from_pem_file(&*client.key)
                .map_err(|error| format!("key {}: {error}", client.key))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("{} and {}: {error}", client.chain, client.key))?
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.enable_sni = origination.sni.is_some();
    // The name only says what is sent; what is checked are the names of the cluster.
    let sent = origination.sni.as_deref().unwrap_or("none.invalid");
    let name = ServerName::try_from(sent.to_owned())
        .map_err(|_| format!("`{sent}` cannot be sent as a server name"))?;
    Ok((config, name))
}

/// `None`: nothing is checked.
fn read_roots(roots: &TlsRoots) -> Result<Option<RootCertStore>, String> {
    let mut store = RootCertStore::empty();
    match roots {
        TlsRoots::Unchecked => return Ok(None),
        TlsRoots::System => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        TlsRoots::File(path) => {
            for certificate in read_certificates(path)? {
                store
                    .add(certificate)
                    .map_err(|error| format!("trust anchors {path}: {error}"))?;
            }
        }
    }
    if store.is_empty() {
        return Err("this machine has no trust anchors: name a file with them".to_owned());
    }
    Ok(Some(store))
}

fn read_certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| format!("certificates {path}: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("{path} holds no certificate"));
    }
    Ok(certificates)
}

/// Accepts servers by chain, and by one of some names.
#[derive(Debug)]
struct Verifier {
    roots: Option<RootCertStore>,
    names: Vec<Arc<str>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn has_name(&self, certificate: &CertificateDer<'_>, parsed: &ParsedCertificate<'_>) -> bool {
        let has = |name: &str| {
            if name.contains("://") {
                let id = peer_identity(certificate).principal;
                return id.is_some_and(|id| id.to_string() == name);
            }
            ServerName::try_from(name).is_ok_and(|name| verify_server_name(parsed, &name).is_ok())
        };
        self.names.iter().any(|name| has(name))
    }
}

impl ServerCertVerifier for Verifier {
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
        if self.has_name(end_entity, &parsed) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General(format!(
            "the server's certificate has none of the names {}",
            self.names.join(", ")
        )))
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
