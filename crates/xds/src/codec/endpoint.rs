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
use vigla_dataplane::Endpoint;

use super::{
    Reason,
    metadata::{self, Fields},
    number, read_address, required, write_address,
};

/// Where Envoy looks for the kind of transport that an endpoint wants (auto mTLS).
const TRANSPORT: &str = "envoy.transport_socket_match";
/// Istio's key for it.
const TLS_MODE: &str = "tlsMode";
/// Istio's value for an endpoint with sidecar.
const TLS_MODE_MESH: &str = "istio";

pub(crate) fn write(cluster: &str, endpoints: &[Endpoint]) -> ClusterLoadAssignment {
    let localities = if endpoints.is_empty() {
        Vec::new()
    } else {
        vec![LocalityLbEndpoints {
            lb_endpoints: endpoints.iter().map(write_endpoint).collect(),
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
    if message.endpoints.iter().any(|locality| locality.priority != 0) {
        return Err("endpoints have priorities: not supported".to_owned());
    }
    let endpoints = message
        .endpoints
        .iter()
        .flat_map(|locality| &locality.lb_endpoints);
    endpoints.map(read_endpoint).collect()
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
