//! Calls that go wherever they want to: Envoy's dynamic forward proxy, which is a cluster and a filter that share a
//! cache of addresses.

use envoy_types::pb::envoy::{
    config::cluster::v3::cluster::{ClusterDiscoveryType, CustomClusterType, DnsLookupFamily},
    extensions::{
        clusters::dynamic_forward_proxy::v3::{
            ClusterConfig, cluster_config::ClusterImplementationSpecifier as OfCluster,
        },
        common::dynamic_forward_proxy::v3::DnsCacheConfig,
        filters::http::dynamic_forward_proxy::v3::{FilterConfig, filter_config::ImplementationSpecifier},
    },
};
use vigla_dataplane::{Discovery, PASSTHROUGH_CLUSTER};

use super::{Reason, number, pack, required, unpack};

/// Name of the filter.
pub(crate) const FILTER: &str = "envoy.filters.http.dynamic_forward_proxy";
/// Name of the kind of cluster.
const CLUSTER: &str = "envoy.clusters.dynamic_forward_proxy";
/// Hosts whose addresses are known at a time.
const MAX_HOSTS: u32 = 1024;

pub(crate) fn write_cluster() -> ClusterDiscoveryType {
    ClusterDiscoveryType::ClusterType(CustomClusterType {
        name: CLUSTER.to_owned(),
        typed_config: Some(pack(&ClusterConfig {
            cluster_implementation_specifier: Some(OfCluster::DnsCacheConfig(cache())),
            // There is no TLS whose names could be checked.
            allow_insecure_cluster_options: true,
            ..ClusterConfig::default()
        })),
    })
}

pub(crate) fn read_cluster(kind: &CustomClusterType) -> Result<Discovery, Reason> {
    let config: ClusterConfig = unpack(required(kind.typed_config.as_ref(), "the cluster's settings")?)?;
    match config.cluster_implementation_specifier {
        Some(OfCluster::DnsCacheConfig(_)) => Ok(Discovery::Passthrough),
        _ => Err("endpoints are found in a way that is not supported".to_owned()),
    }
}

/// Looks up the host of requests for that cluster; others pass.
pub(crate) fn filter() -> FilterConfig {
    FilterConfig {
        implementation_specifier: Some(ImplementationSpecifier::DnsCacheConfig(cache())),
        ..FilterConfig::default()
    }
}

fn cache() -> DnsCacheConfig {
    DnsCacheConfig {
        name: PASSTHROUGH_CLUSTER.to_owned(),
        // Of version 4 where there is one, as for all other names.
        dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
        max_hosts: number(MAX_HOSTS),
        ..DnsCacheConfig::default()
    }
}
