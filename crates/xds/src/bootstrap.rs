//! What a stock Envoy is started with.

use std::{net::SocketAddr, path::Path};

use serde_json::{Value, json};

/// What a bootstrap depends on.
#[derive(Clone, Copy)]
pub struct BootstrapOptions<'a> {
    /// Node id, for logs only: it proves nothing.
    pub node_id: &'a str,
    /// The control plane's Unix socket.
    pub ads_socket: &'a Path,
    /// Join token that tells the control plane which workload this is. The bootstrap is as secret as it.
    pub token: &'a str,
    /// Unix socket for Envoy's own admin, in the private run directory; at most 107 bytes.
    pub admin_socket: &'a Path,
    /// Where the read-only part of the admin is served.
    pub admin_address: SocketAddr,
}

/// Makes the bootstrap of a stock Envoy, to be written as JSON to a private file.
pub fn bootstrap(options: &BootstrapOptions<'_>) -> Value {
    json!({ "node": { "id": options.node_id } })
}
