//! Who is who in the mesh: the certificate authority, and the rustls configurations that show and check
//! certificates.
//!
//! One provider (aws-lc-rs) is named everywhere, so nothing depends on what the process has installed. Keys
//! never show in `Debug` and are wiped where this crate holds them as text.

mod authority;
mod error;
mod peer;
mod tls;
mod verifier;

pub use authority::{Authority, Issued, LEAF_LIFE, ROOT_LIFE, renew_at};
pub use error::IdentityError;
pub use peer::peer_identity;
pub use tls::{Roots, WorkloadIdentity, client_config, origination_config, provider, server_config};
