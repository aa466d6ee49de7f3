//! Endpoints, by EDS or written in a cluster.

use envoy_types::pb::{
    envoy::config::{
        core::v3::{HealthStatus, Metadata},
        endpoint::v3::{
            ClusterLoadAssignment, Endpoint as Address, LbEndpoint, LocalityLbEndpoints,
            lb_endpoint::HostIdentifier,
        },
    },
    google::protobuf::Struct,
};
use vigla_dataplane::{DnsEndpoint, Endpoint};

use super::{
    Reason,
    metadata::{self, Fields},
    number, read_address, read_name, required, write_address, write_name,
};

/// Where Envoy looks for the kind of transport that an endpoint wants (auto mTLS).
const TRANSPORT: &str = "envoy.transport_socket_match";
/// Istio's key for it.
const TLS_MODE: &str = "tlsMode";
/// Istio's value for an endpoint with sidecar.
const TLS_MODE_MESH: &str = "istio";

pub(crate) fn write(cluster: &str, endpoints: &[Endpoint]) -> ClusterLoadAssignment {
    assignment(cluster, endpoints.iter().map(write_endpoint).collect())
}

fn assignment(cluster: &str, lb_endpoints: Vec<LbEndpoint>) -> ClusterLoadAssignment {
    let localities = if lb_endpoints.is_empty() {
        Vec::new()
    } else {
        vec![LocalityLbEndpoints {
            lb_endpoints,
            ..LocalityLbEndpoints::default()
        }]
    };
    ClusterLoadAssignment {
        cluster_name: cluster.to_owned(),
        endpoints: localities,
        ..ClusterLoadAssignment::default()
    }
}

pub(crate) fn read(message: &ClusterLoadAssignment) -> Result<Vec<Endpoint>, Reason> {
    all(message)?.map(read_endpoint).collect()
}

fn all(message: &ClusterLoadAssignment) -> Result<impl Iterator<Item = &LbEndpoint>, Reason> {
    if message.endpoints.iter().any(|locality| locality.priority != 0) {
        return Err("endpoints have priorities: not supported".to_owned());
    }
    Ok(message
        .endpoints
        .iter()
        .flat_map(|locality| &locality.lb_endpoints))
}

/// Endpoints by their names in DNS.
pub(crate) fn write_names(cluster: &str, names: &[DnsEndpoint]) -> ClusterLoadAssignment {
    let write = |name: &DnsEndpoint| LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Address {
            address: Some(write_name(&name.host, name.port)),
            ..Address::default()
        })),
        metadata: metadata::write(Fields::default().identity(&name.identity), None),
        load_balancing_weight: number(name.weight),
        ..LbEndpoint::default()
    };
    assignment(cluster, names.iter().map(write).collect())
}

pub(crate) fn read_names(message: &ClusterLoadAssignment) -> Result<Vec<DnsEndpoint>, Reason> {
    let read = |endpoint: &LbEndpoint| {
        let Some(HostIdentifier::Endpoint(address)) = &endpoint.host_identifier else {
            return Err("an endpoint has no address".to_owned());
        };
        let (host, port) = read_name(address.address.as_ref())?;
        Ok(DnsEndpoint {
            host: host.into(),
            port,
            identity: metadata::read_identity(endpoint.metadata.as_ref())?,
            weight: endpoint.load_balancing_weight.map_or(1, |weight| weight.value),
        })
    };
    all(message)?.map(read).collect()
}

/// What endpoints with a sidecar carry, and what a cluster's TLS socket asks for.
pub(crate) fn mesh_tls() -> Struct {
    Fields::default().text(TLS_MODE, Some(TLS_MODE_MESH)).build()
}

fn write_endpoint(endpoint: &Endpoint) -> LbEndpoint {
    let mut metadata = metadata::write(Fields::default().identity(&endpoint.identity), None);
    if endpoint.mesh_tls {
        let namespaces = &mut metadata.get_or_insert_with(Metadata::default).filter_metadata;
        namespaces.insert(TRANSPORT.to_owned(), mesh_tls());
    }
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Address {
            address: Some(write_address(endpoint.address)),
            ..Address::default()
        })),
        metadata,
        load_balancing_weight: number(endpoint.weight),
        health_status: if endpoint.healthy {
            HealthStatus::Unknown.into()
        } else {
            HealthStatus::Unhealthy.into()
        },
    }
}

fn read_endpoint(message: &LbEndpoint) -> Result<Endpoint, Reason> {
    let Some(HostIdentifier::Endpoint(address)) = &message.host_identifier else {
        return Err("an endpoint has no address".to_owned());
    };
    let metadata = message.metadata.as_ref();
    let health = HealthStatus::try_from(message.health_status)
        .map_err(|_| "an endpoint's health is unknown".to_owned())?;
    Ok(Endpoint {
        address: read_address(required(address.address.as_ref(), "an endpoint's address").map(Some)?)?,
        identity: metadata::read_identity(metadata)?,
        mesh_tls: metadata::find(metadata, TRANSPORT, TLS_MODE) == Some(TLS_MODE_MESH),
        weight: message.load_balancing_weight.map_or(1, |weight| weight.value),
        healthy: matches!(
            health,
            HealthStatus::Unknown | HealthStatus::Healthy | HealthStatus::Degraded
        ),
    })
}
