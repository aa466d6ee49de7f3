//! The mesh's certificate authority, SPIFFE certificates and the rustls verifiers for them.
