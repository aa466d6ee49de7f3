//! Envoy v3 messages to [`Plan`].

use std::sync::Arc;

use envoy_types::pb::{
    envoy::{
        config::{
            cluster::v3::Cluster as ClusterMessage, endpoint::v3::ClusterLoadAssignment,
            listener::v3::Listener as ListenerMessage, route::v3::RouteConfiguration,
        },
        extensions::transport_sockets::tls::v3::Secret as SecretMessage,
    },
    google::protobuf::Any,
};
use prost::Message;
use thiserror::Error;
use vigla_dataplane::{Cluster, Endpoints, Listener, Plan, RouteTable};

use crate::{
    ResourceKind, Resources, Secret,
    codec::{Reason, cluster, endpoint, listener, route, secret, unpack},
};

/// One resource, read back.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// From CDS.
    Cluster(Arc<Cluster>),
    /// From EDS: name of the cluster, and its endpoints.
    Endpoints(Arc<str>, Arc<Endpoints>),
    /// From LDS.
    Listener(Arc<Listener>),
    /// From RDS.
    RouteTable(Arc<RouteTable>),
    /// From SDS: name, and content.
    Secret(Arc<str>, Secret),
}

/// A resource that cannot be used. Its text goes back to the control plane as refusal (NACK).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The bytes are no protobuf message of the type, or hold what this version does not know.
    #[error("{kind}: {reason}")]
    Malformed {
        /// The kind of resource.
        kind: ResourceKind,
        /// What is wrong.
        reason: Arc<str>,
    },
    /// The type is none of the five kinds.
    #[error("unknown resource type `{0}`")]
    UnknownType(Arc<str>),
    /// A field has a value that a plan cannot hold.
    #[error("{kind} `{name}`: {reason}")]
    Unsupported {
        /// The kind of resource.
        kind: ResourceKind,
        /// Its name.
        name: Arc<str>,
        /// Which field, and why.
        reason: Arc<str>,
    },
}

/// Reads one resource.
///
/// # Errors
/// When it is malformed, or says something that this proxy could only ignore: it fails closed.
pub fn decode_any(any: &Any) -> Result<Decoded, DecodeError> {
    let kind = ResourceKind::find_type_url(&any.type_url)
        .ok_or_else(|| DecodeError::UnknownType(any.type_url.as_str().into()))?;
    let malformed = |reason: Reason| DecodeError::Malformed {
        kind,
        reason: reason.into(),
    };
    let unsupported = |name: &str, reason: Reason| DecodeError::Unsupported {
        kind,
        name: name.into(),
        reason: reason.into(),
    };
    match kind {
        ResourceKind::Cluster => {
            let message: ClusterMessage = unpack(any).map_err(malformed)?;
            let part = cluster::read(&message).map_err(|reason| unsupported(&message.name, reason))?;
            Ok(Decoded::Cluster(Arc::new(part)))
        }
        ResourceKind::Endpoints => {
            let message: ClusterLoadAssignment = unpack(any).map_err(malformed)?;
            let endpoints =
                endpoint::read(&message).map_err(|reason| unsupported(&message.cluster_name, reason))?;
            Ok(Decoded::Endpoints(
                message.cluster_name.into(),
                Arc::new(Endpoints { endpoints }),
            ))
        }
        ResourceKind::Listener => {
            let message: ListenerMessage = unpack(any).map_err(malformed)?;
            let part = listener::read(&message).map_err(|reason| unsupported(&message.name, reason))?;
            Ok(Decoded::Listener(Arc::new(part)))
        }
        ResourceKind::RouteTable => {
            let message: RouteConfiguration = unpack(any).map_err(malformed)?;
            let part = route::read(&message).map_err(|reason| unsupported(&message.name, reason))?;
            Ok(Decoded::RouteTable(Arc::new(part)))
        }
        ResourceKind::Secret => {
            let message: SecretMessage = unpack(any).map_err(malformed)?;
            let name = message.name.clone();
            let (name, secret) = secret::read(message).map_err(|reason| unsupported(&name, reason))?;
            Ok(Decoded::Secret(name, secret))
        }
    }
}

/// Reads all that [`encode`](crate::encode) wrote.
///
/// # Errors
/// With the first resource that cannot be read.
pub fn decode(resources: &Resources) -> Result<Plan, DecodeError> {
    let mut plan = Plan::default();
    for kind in ResourceKind::ALL {
        for resource in resources.of(kind).iter() {
            let any = Any::decode(resource.any()).map_err(|error| DecodeError::Malformed {
                kind,
                reason: error.to_string().into(),
            })?;
            match decode_any(&any)? {
                Decoded::Cluster(part) => drop(plan.clusters.insert(Arc::clone(&part.name), part)),
                Decoded::Endpoints(name, part) => drop(plan.endpoints.insert(name, part)),
                Decoded::Listener(part) => drop(plan.listeners.insert(Arc::clone(&part.name), part)),
                Decoded::RouteTable(part) => drop(plan.route_tables.insert(Arc::clone(&part.name), part)),
                Decoded::Secret(..) => (),
            }
        }
    }
    Ok(plan)
}
