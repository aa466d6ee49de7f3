//! What reads a connection's bytes: HTTP with routes, or TCP to one cluster.

use envoy_types::pb::{
    envoy::{
        config::{
            common::mutation_rules::v3::{HeaderMutation, header_mutation::Action},
            core::v3::header_value_option::HeaderAppendAction,
            listener::v3::{Filter, filter::ConfigType},
        },
        extensions::filters::{
            http::{
                fault::v3::HttpFault,
                header_mutation::v3::{HeaderMutation as HeaderMutationFilter, Mutations},
                header_to_metadata::v3::{
                    Config as HeaderToMetadata,
                    config::{KeyValuePair, Rule},
                },
                router::v3::Router,
            },
            network::{
                http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter, Rds,
                    http_connection_manager::{RouteSpecifier, ServerHeaderTransformation},
                    http_filter,
                },
                tcp_proxy::v3::{
                    TcpProxy,
                    tcp_proxy::{
                        ClusterSpecifier, TcpAccessLogOptions, WeightedCluster,
                        weighted_cluster::ClusterWeight,
                    },
                },
            },
        },
    },
    google::protobuf::Any,
};
use prost::Name;
use std::sync::Arc;
use vigla_dataplane::{Direction, FilterChain, Listener, Network, RouteSource, TcpCluster};

use super::{
    Reason, access_log, flag, from_ads, headers,
    metadata::{self, Fields},
    pack, required, route, stats, unpack,
};
use crate::EncodeOptions;

/// Header by which a plaintext caller says who it is.
const PEER_HEADER: &str = "x-vigla-peer";
/// Name of our filter that sets, moves or removes it. `vigla-proxy` does the same by itself.
const PEER_FILTER: &str = "vigla.peer";

pub(crate) fn write(listener: &Listener, chain: &FilterChain, options: EncodeOptions<'_>) -> Filter {
    match &chain.network {
        Network::Http(source) => filter(
            "envoy.filters.network.http_connection_manager",
            pack(&write_http(listener, chain, source, options)),
        ),
        Network::Tcp { clusters } => filter(
            "envoy.filters.network.tcp_proxy",
            pack(&write_tcp(listener, chain, clusters, options)),
        ),
    }
}

pub(crate) fn read(message: &Filter) -> Result<Network, Reason> {
    let Some(ConfigType::TypedConfig(any)) = &message.config_type else {
        return Err(format!("network filter `{}` has no settings", message.name));
    };
    if any.type_url == HttpConnectionManager::type_url() {
        read_http(unpack(any)?).map(Network::Http)
    } else if any.type_url == TcpProxy::type_url() {
        read_tcp(&unpack(any)?)
    } else {
        Err(format!("network filter `{}` is not supported", message.name))
    }
}

fn write_http(
    listener: &Listener,
    chain: &FilterChain,
    source: &RouteSource,
    options: EncodeOptions<'_>,
) -> HttpConnectionManager {
    let mut access_log = vec![stats::requests(listener, chain)];
    access_log.extend(options.access_log.map(access_log::to_file));
    HttpConnectionManager {
        stat_prefix: listener.name.to_string(),
        route_specifier: Some(match source {
            RouteSource::Named(name) => RouteSpecifier::Rds(Rds {
                config_source: Some(from_ads()),
                route_config_name: name.to_string(),
            }),
            RouteSource::Inline(table) => RouteSpecifier::RouteConfig(route::write(table)),
        }),
        http_filters: vec![
            peer_filter(listener, chain),
            http_filter(route::FAULT_FILTER, pack(&HttpFault::default())),
            http_filter("envoy.filters.http.router", pack(&Router::default())),
        ],
        access_log,
        server_header_transformation: ServerHeaderTransformation::PassThrough.into(),
        // Only at the edge is the connection's address the caller's.
        use_remote_address: flag(listener.direction == Direction::Gateway),
        normalize_path: flag(true),
        ..HttpConnectionManager::default()
    }
}

fn read_http(manager: HttpConnectionManager) -> Result<RouteSource, Reason> {
    let known = [HttpFault::type_url(), Router::type_url()];
    for filter in manager
        .http_filters
        .iter()
        .filter(|filter| !filter.is_optional && !filter.disabled)
    {
        let Some(http_filter::ConfigType::TypedConfig(any)) = &filter.config_type else {
            return Err(format!("HTTP filter `{}` has no settings", filter.name));
        };
        if filter.name != PEER_FILTER && !known.contains(&any.type_url) {
            return Err(format!("HTTP filter `{}` is not supported", filter.name));
        }
    }
    match required(manager.route_specifier, "the routes")? {
        RouteSpecifier::Rds(rds) => Ok(RouteSource::Named(rds.route_config_name.into())),
        RouteSpecifier::RouteConfig(table) => Ok(RouteSource::Inline(Arc::new(route::read(&table)?))),
        RouteSpecifier::ScopedRoutes(_) => Err("scoped routes are not supported".to_owned()),
    }
}

fn write_tcp(
    listener: &Listener,
    chain: &FilterChain,
    clusters: &[TcpCluster],
    options: EncodeOptions<'_>,
) -> TcpProxy {
    let mut access_log = stats::connections(listener, chain);
    access_log.extend(options.access_log.map(access_log::of_connections_to_file));
    TcpProxy {
        stat_prefix: listener.name.to_string(),
        cluster_specifier: Some(write_clusters(clusters)),
        access_log,
        // So that an open connection is counted when it opens.
        access_log_options: Some(TcpAccessLogOptions {
            flush_access_log_on_connected: true,
            ..TcpAccessLogOptions::default()
        }),
        ..TcpProxy::default()
    }
}

fn write_clusters(clusters: &[TcpCluster]) -> ClusterSpecifier {
    if let [only] = clusters
        && only.origin.is_none()
    {
        return ClusterSpecifier::Cluster(only.cluster.to_string());
    }
    let write = |cluster: &TcpCluster| ClusterWeight {
        name: cluster.cluster.to_string(),
        weight: cluster.weight,
        metadata_match: metadata::write(Fields::default(), cluster.origin.as_ref()),
    };
    ClusterSpecifier::WeightedClusters(WeightedCluster {
        clusters: clusters.iter().map(write).collect(),
    })
}

fn read_tcp(message: &TcpProxy) -> Result<Network, Reason> {
    let clusters = match &message.cluster_specifier {
        Some(ClusterSpecifier::Cluster(name)) => return Ok(Network::tcp(name.as_str().into())),
        Some(ClusterSpecifier::WeightedClusters(weighted)) => &weighted.clusters,
        None => return Err("TCP has no cluster".to_owned()),
    };
    let read = |cluster: &ClusterWeight| TcpCluster {
        cluster: cluster.name.as_str().into(),
        weight: cluster.weight,
        origin: metadata::read_origin(cluster.metadata_match.as_ref()),
    };
    Ok(Network::Tcp {
        clusters: clusters.iter().map(read).collect(),
    })
}

/// Callers say who they are; callees believe it only of those that showed no certificate, and never pass it on.
fn peer_filter(listener: &Listener, chain: &FilterChain) -> HttpFilter {
    let local = &listener.telemetry.local;
    let action = match (listener.direction, &local.workload, &local.namespace) {
        (Direction::Inbound, ..) if !stats::has_peer_certificate(chain) => {
            return http_filter(PEER_FILTER, pack(&header_to_metadata()));
        }
        (Direction::Outbound | Direction::Gateway, Some(workload), Some(namespace)) => {
            let value = format!("{workload}.{namespace}");
            Action::Append(headers::option(
                PEER_HEADER,
                &value,
                HeaderAppendAction::OverwriteIfExistsOrAdd,
            ))
        }
        _ => Action::Remove(PEER_HEADER.to_owned()),
    };
    let mutations = Mutations {
        request_mutations: vec![HeaderMutation { action: Some(action) }],
        ..Mutations::default()
    };
    http_filter(
        PEER_FILTER,
        pack(&HeaderMutationFilter {
            mutations: Some(mutations),
            ..HeaderMutationFilter::default()
        }),
    )
}

fn header_to_metadata() -> HeaderToMetadata {
    HeaderToMetadata {
        request_rules: vec![Rule {
            header: PEER_HEADER.to_owned(),
            on_header_present: Some(KeyValuePair {
                metadata_namespace: stats::PEER_METADATA.to_owned(),
                key: stats::PEER_KEY.to_owned(),
                ..KeyValuePair::default()
            }),
            remove: true,
            ..Rule::default()
        }],
        ..HeaderToMetadata::default()
    }
}

fn filter(name: &str, config: Any) -> Filter {
    Filter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

fn http_filter(name: &str, config: Any) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(config)),
        ..HttpFilter::default()
    }
}
