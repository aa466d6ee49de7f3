//! What reads a connection's bytes: HTTP with routes, or TCP to one cluster.

use envoy_types::pb::{
    envoy::{
        config::{
            common::mutation_rules::v3::{HeaderMutation, header_mutation::Action},
            core::v3::header_value_option::HeaderAppendAction,
            listener::v3::{Filter, filter::ConfigType},
            rbac::v3::Rbac,
        },
        extensions::filters::{
            http::{
                cors::v3::Cors as CorsFilter,
                dynamic_forward_proxy::v3::FilterConfig as ForwardProxy,
                fault::v3::HttpFault,
                header_mutation::v3::{HeaderMutation as HeaderMutationFilter, Mutations},
                header_to_metadata::v3::{
                    Config as HeaderToMetadata,
                    config::{KeyValuePair, Rule},
                },
                local_ratelimit::v3::LocalRateLimit,
                rbac::v3::Rbac as HttpRbac,
                router::v3::Router,
            },
            network::{
                http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter, Rds,
                    http_connection_manager::{RouteSpecifier, ServerHeaderTransformation},
                    http_filter,
                },
                rbac::v3::Rbac as NetworkRbac,
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
use vigla_dataplane::{
    Authorization, Direction, FilterChain, Listener, Network, RateLimit, RouteSource, TcpCluster, Tracing,
};

use super::{
    Reason, access_log, flag, from_ads, headers,
    metadata::{self, Fields},
    pack, passthrough, rate_limit, rbac, required, route, stats, tracing, unpack,
};
use crate::EncodeOptions;

/// Header by which a plaintext caller says who it is.
const PEER_HEADER: &str = "x-vigla-peer";
/// Name of our filter that sets, moves or removes it. `vigla-proxy` does the same by itself.
const PEER_FILTER: &str = "vigla.peer";

/// The filters of a chain; the last one reads the bytes.
pub(crate) fn write(listener: &Listener, chain: &FilterChain, options: EncodeOptions<'_>) -> Vec<Filter> {
    let last = match &chain.network {
        Network::Http(source) => filter(
            "envoy.filters.network.http_connection_manager",
            pack(&write_http(listener, chain, source, options)),
        ),
        Network::Tcp { clusters } => filter(
            "envoy.filters.network.tcp_proxy",
            pack(&write_tcp(listener, chain, clusters, options)),
        ),
    };
    let of_connections = chain
        .authorization
        .as_ref()
        .filter(|_| matches!(chain.network, Network::Tcp { .. }));
    let mut filters: Vec<Filter> = of_connections
        .iter()
        .flat_map(|authorization| rbac::write_network(authorization))
        .map(|rules| filter(rbac::NETWORK_FILTER, pack(&rules)))
        .collect();
    filters.push(last);
    filters
}

/// What the filters of a chain say.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) network: Option<Network>,
    pub(crate) authorization: Option<Authorization>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) tracing: Option<Tracing>,
}

pub(crate) fn read(filters: &[Filter]) -> Result<Read, Reason> {
    let mut read = Read::default();
    for filter in filters {
        let Some(ConfigType::TypedConfig(any)) = &filter.config_type else {
            return Err(format!("network filter `{}` has no settings", filter.name));
        };
        if read.network.is_some() {
            return Err(format!("filter `{}` stands behind the last one", filter.name));
        }
        if any.type_url == HttpConnectionManager::type_url() {
            read_http(unpack(any)?, &mut read)?;
        } else if any.type_url == TcpProxy::type_url() {
            read.network = Some(read_tcp(&unpack(any)?)?);
        } else if any.type_url == NetworkRbac::type_url() {
            let rules: NetworkRbac = unpack(any)?;
            read_rules(rules.matcher.is_some(), rules.rules.as_ref(), &mut read)?;
        } else {
            return Err(format!("network filter `{}` is not supported", filter.name));
        }
    }
    Ok(read)
}

fn read_rules(has_matcher: bool, rules: Option<&Rbac>, read: &mut Read) -> Result<(), Reason> {
    if has_matcher {
        return Err("authorization by a matcher is not supported".to_owned());
    }
    rbac::read(rules, read.authorization.get_or_insert_default())
}

fn write_http(
    listener: &Listener,
    chain: &FilterChain,
    source: &RouteSource,
    options: EncodeOptions<'_>,
) -> HttpConnectionManager {
    let mut access_log = stats::requests(listener, chain);
    access_log.extend(options.access_log.map(access_log::to_file));
    let mut http_filters = vec![peer_filter(listener, chain)];
    if let Some(limit) = &chain.rate_limit {
        let limit = rate_limit::write(listener, limit);
        http_filters.push(http_filter(rate_limit::FILTER, pack(&limit)));
    }
    let authorization = chain.authorization.iter();
    let rules = authorization.flat_map(|authorization| rbac::write_http(authorization));
    http_filters.extend(rules.map(|rules| http_filter(rbac::HTTP_FILTER, pack(&rules))));
    http_filters.push(http_filter(route::CORS_FILTER, pack(&CorsFilter::default())));
    http_filters.push(http_filter(route::FAULT_FILTER, pack(&HttpFault::default())));
    if listener.direction == Direction::Outbound {
        http_filters.push(http_filter(passthrough::FILTER, pack(&passthrough::filter())));
    }
    http_filters.push(http_filter("envoy.filters.http.router", pack(&Router::default())));
    HttpConnectionManager {
        stat_prefix: listener.name.to_string(),
        route_specifier: Some(match source {
            RouteSource::Named(name) => RouteSpecifier::Rds(Rds {
                config_source: Some(from_ads()),
                route_config_name: name.to_string(),
            }),
            RouteSource::Inline(table) => RouteSpecifier::RouteConfig(route::write(table)),
        }),
        http_filters,
        tracing: listener
            .tracing
            .as_ref()
            .map(|tracing| tracing::write(tracing, &listener.telemetry.local)),
        access_log,
        server_header_transformation: ServerHeaderTransformation::PassThrough.into(),
        // Only at the edge is the connection's address the caller's.
        use_remote_address: flag(listener.direction == Direction::Gateway),
        normalize_path: flag(true),
        ..HttpConnectionManager::default()
    }
}

fn read_http(manager: HttpConnectionManager, read: &mut Read) -> Result<(), Reason> {
    let known = [
        HttpFault::type_url(),
        CorsFilter::type_url(),
        ForwardProxy::type_url(),
        Router::type_url(),
    ];
    for filter in manager
        .http_filters
        .iter()
        .filter(|filter| !filter.is_optional && !filter.disabled)
    {
        let Some(http_filter::ConfigType::TypedConfig(any)) = &filter.config_type else {
            return Err(format!("HTTP filter `{}` has no settings", filter.name));
        };
        if any.type_url == HttpRbac::type_url() {
            let rules: HttpRbac = unpack(any)?;
            read_rules(rules.matcher.is_some(), rules.rules.as_ref(), read)?;
        } else if any.type_url == LocalRateLimit::type_url() {
            if read.rate_limit.is_some() {
                return Err("several limits of requests are not supported".to_owned());
            }
            read.rate_limit = Some(rate_limit::read(&unpack(any)?)?);
        } else if filter.name != PEER_FILTER && !known.contains(&any.type_url) {
            return Err(format!("HTTP filter `{}` is not supported", filter.name));
        }
    }
    read.tracing = manager.tracing.as_ref().and_then(tracing::read);
    let source = match required(manager.route_specifier, "the routes")? {
        RouteSpecifier::Rds(rds) => RouteSource::Named(rds.route_config_name.into()),
        RouteSpecifier::RouteConfig(table) => RouteSource::Inline(Arc::new(route::read(&table)?)),
        RouteSpecifier::ScopedRoutes(_) => return Err("scoped routes are not supported".to_owned()),
    };
    read.network = Some(Network::Http(source));
    Ok(())
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
