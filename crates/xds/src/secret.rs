//! What SDS carries: a workload's key and chain, or trust anchors.

use std::fmt;

use zeroize::Zeroizing;

/// One secret. Keys are wiped from memory when dropped and never show in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// A private key with its certificate chain.
    Certificate {
        /// Leaf first, then intermediates, in PEM.
        chain_pem: String,
        /// PKCS#8 in PEM.
        key_pem: Zeroizing<String>,
    },
    /// Trust anchors for the other side's certificate.
    Roots {
        /// One or more certificates in PEM.
        pem: String,
    },
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { chain_pem, .. } => f
                .debug_struct("Certificate")
                .field("chain_pem", chain_pem)
                .finish_non_exhaustive(),
            Self::Roots { pem } => f.debug_struct("Roots").field("pem", pem).finish(),
        }
    }
}
