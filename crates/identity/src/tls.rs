//! rustls configurations of the mesh: certificates are checked against the mesh's roots, and names are SPIFFE
//! ids, never DNS names.

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    sign::{CertifiedKey, SingleCertAndKey},
};
use vigla_model::Principal;

use crate::{
    IdentityError,
    verifier::{Accepted, ServerVerifier},
};

/// The only cryptographic provider of the house.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A workload's key and certificate chain, ready for TLS. `Debug` never shows the key.
#[derive(Clone)]
pub struct WorkloadIdentity(Arc<CertifiedKey>);

impl WorkloadIdentity {
    /// Reads a chain (leaf first) and a PKCS#8 key, both PEM.
    ///
    /// # Errors
    /// When a text is no PEM, the chain is empty, or the key is not the leaf's.
    pub fn from_pem(chain_pem: &str, key_pem: &str) -> Result<Self, IdentityError> {
        let chain = certificates(chain_pem, "the certificate chain")?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|error| IdentityError::Pem {
            what: "the key",
            reason: error.to_string(),
        })?;
        Ok(Self(Arc::new(CertifiedKey::from_der(chain, key, &provider())?)))
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.cert
    }
}

impl fmt::Debug for WorkloadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkloadIdentity({} certificates)", self.0.cert.len())
    }
}

/// The mesh's trust anchors.
#[derive(Debug, Clone)]
pub struct Roots(Arc<RootCertStore>);

impl Roots {
    /// Reads one or more certificates in PEM.
    ///
    /// # Errors
    /// When the text is no PEM, holds no certificate, or one that cannot be a trust anchor.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates(pem, "the trust anchors")? {
            store.add(certificate)?;
        }
        Ok(Self(Arc::new(store)))
    }
}

impl From<RootCertStore> for Roots {
    fn from(store: RootCertStore) -> Self {
        Self(Arc::new(store))
    }
}

fn certificates(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| IdentityError::Pem {
            what,
            reason: error.to_string(),
        })?;
    if certificates.is_empty() {
        return Err(IdentityError::Empty(what));
    }
    Ok(certificates)
}

/// TLS towards callers. With `client_roots` a caller must show a certificate that chains to them; who it is
/// tells [`peer_identity`](crate::peer_identity). `alpn` lists protocols by preference, such as `http/1.1`; empty: none
/// is spoken.
///
/// # Errors
/// When rustls refuses key or roots.
pub fn server_config(
    identity: &WorkloadIdentity,
    client_roots: Option<&Roots>,
    alpn: &[&str],
) -> Result<ServerConfig, IdentityError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match client_roots {
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots.0), provider())
                .build()
                .map_err(|error| IdentityError::Roots(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&identity.0))));
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(config)
}

/// TLS towards endpoints of the mesh: shows our certificate, and accepts a server whose certificate chains to
/// `roots` and whose SPIFFE id is one of `allowed`. The server name is sent but not checked. Keep the config
/// with its cluster: its session cache must not serve another list of ids.
///
/// # Errors
/// When rustls refuses key or protocol versions.
pub fn client_config(
    identity: &WorkloadIdentity,
    roots: &Roots,
    allowed: &[Principal],
    alpn: &[&str],
) -> Result<ClientConfig, IdentityError> {
    let accepted = Accepted::Principals(allowed.into());
    config_towards(Some(roots), accepted, Some(identity), alpn)
}

/// TLS towards servers that are not of the mesh (origination): accepts a server whose certificate chains to `roots`
/// and has one of `names`, which are DNS names, IP addresses or SPIFFE ids; without roots any server. `client` is
/// shown when the server asks for it. The server name is sent but not checked.
///
/// # Errors
/// When rustls refuses key or protocol versions.
pub fn origination_config(
    roots: Option<&Roots>,
    names: &[Arc<str>],
    client: Option<&WorkloadIdentity>,
    alpn: &[&str],
) -> Result<ClientConfig, IdentityError> {
    config_towards(roots, Accepted::Names(names.into()), client, alpn)
}

fn config_towards(
    roots: Option<&Roots>,
    accepted: Accepted,
    client: Option<&WorkloadIdentity>,
    alpn: &[&str],
) -> Result<ClientConfig, IdentityError> {
    let provider = provider();
    let verifier = ServerVerifier {
        roots: roots.map(|roots| Arc::clone(&roots.0)),
        accepted,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match client {
        Some(client) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&client.0))))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(config)
}

#[cfg(test)]
mod tests;
