//! What can be wrong with keys and certificates.

use thiserror::Error;

/// A key, certificate or configuration that cannot be used. Never holds key material.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// Text that is no PEM of the expected kind.
    #[error("{what} is not valid PEM: {reason}")]
    Pem {
        /// Which input.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// A PEM text without the expected part.
    #[error("{0} holds no certificate")]
    Empty(&'static str),
    /// The certificate authority's certificate may not sign, or its key is another's.
    #[error("the authority's certificate cannot be used: {0}")]
    BadAuthority(String),
    /// Making or signing a certificate failed.
    #[error("the certificate could not be made")]
    Signing(#[from] rcgen::Error),
    /// rustls refused key, chain or roots.
    #[error("TLS refused the configuration")]
    Tls(#[from] rustls::Error),
    /// Roots from which no verifier can be made.
    #[error("trust anchors cannot be used: {0}")]
    Roots(String),
}
