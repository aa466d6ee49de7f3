//! What a stock Envoy is started with.
//!
//! Envoy's own admin can change things, so it listens on a Unix socket in the private run directory. What is
//! safe to read is served at the admin address by an ordinary listener that forwards a few paths to it.

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

/// Paths that the admin address serves, by `GET` only.
const READABLE: [&str; 5] = [
    "/ready",
    "/stats/prometheus",
    "/config_dump",
    "/clusters",
    "/server_info",
];
/// Name of the static cluster of the control plane.
const ADS_CLUSTER: &str = "vigla.ads";
/// Name of the static cluster and listener of the admin.
const ADMIN: &str = "vigla.admin";
/// Statistics that are kept: Istio's, and what tells how Envoy itself fares. The rest (hundreds a cluster) would
/// cost memory, and time at each scrape.
const STATISTICS: [&str; 6] = [
    "istio.",
    "vigla.",
    "server.",
    "cluster_manager.",
    "listener_manager.",
    "control_plane.",
];

/// Makes the bootstrap of a stock Envoy, to be written as JSON to a private file. Start it with
/// `--use-dynamic-base-id`, so that several can run beside each other.
pub fn bootstrap(options: &BootstrapOptions<'_>) -> Value {
    json!({
        "node": { "id": options.node_id, "cluster": "vigla" },
        "admin": {
            "address": pipe(options.admin_socket),
            "ignore_global_conn_limit": true,
        },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{
                    "envoy_grpc": { "cluster_name": ADS_CLUSTER, "authority": "vigla" },
                    "initial_metadata": [
                        { "key": "authorization", "value": format!("Bearer {}", options.token) },
                    ],
                }],
            },
            "cds_config": from_ads(),
            "lds_config": from_ads(),
        },
        "static_resources": {
            "clusters": [
                ads_cluster(options.ads_socket),
                static_cluster(ADMIN, options.admin_socket),
            ],
            "listeners": [admin_listener(options.admin_address)],
        },
        "stats_config": {
            "stats_matcher": {
                "inclusion_list": {
                    "patterns": STATISTICS.map(|prefix| json!({ "prefix": prefix })),
                },
            },
        },
        // Without it Envoy warns; a sidecar's connections are bounded by its callers.
        "overload_manager": {
            "resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": 50_000,
                },
            }],
        },
    })
}

fn ads_cluster(socket: &Path) -> Value {
    let mut cluster = static_cluster(ADS_CLUSTER, socket);
    cluster["typed_extension_protocol_options"] = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {
                // A dead control plane is noticed within a minute, not by the next push.
                "http2_protocol_options": {
                    "connection_keepalive": { "interval": "30s", "timeout": "10s" },
                },
            },
        },
    });
    cluster
}

fn static_cluster(name: &str, socket: &Path) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": pipe(socket) } }] }],
        },
    })
}

fn admin_listener(address: SocketAddr) -> Value {
    let get = json!({ "name": ":method", "string_match": { "exact": "GET" } });
    let routes = READABLE.map(|path| {
        json!({
            "match": { "path": path, "headers": [get] },
            "route": { "cluster": ADMIN, "timeout": "10s" },
        })
    });
    json!({
        "name": ADMIN,
        "address": {
            "socket_address": { "address": address.ip().to_string(), "port_value": address.port() },
        },
        "enable_reuse_port": false,
        "ignore_global_conn_limit": true,
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": ADMIN,
                    "normalize_path": true,
                    "route_config": {
                        "name": ADMIN,
                        "virtual_hosts": [{ "name": ADMIN, "domains": ["*"], "routes": routes }],
                    },
                    "http_filters": [{
                        "name": "envoy.filters.http.router",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                        },
                    }],
                },
            }],
        }],
    })
}

fn pipe(path: &Path) -> Value {
    json!({ "pipe": { "path": path.to_string_lossy() } })
}

fn from_ads() -> Value {
    json!({ "ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s" })
}
