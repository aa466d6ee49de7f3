//! From the mesh's config to what one proxy is to do. Pure: the same [`Snapshot`] and proxy give the same
//! [`Plan`], in the same order, so that versions can be hashes of content.

use std::sync::Arc;

use thiserror::Error;
use vigla_config::Snapshot;
use vigla_dataplane::Plan;
use vigla_model::Namespace;

/// The proxy for which a plan is made: the sidecar of an instance, or a gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProxyIdentity {
    /// Namespace of the instance.
    pub namespace: Namespace,
    /// Name of the instance, such as `reviews-v1-0`.
    pub instance: Arc<str>,
}

/// A proxy that the mesh does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no instance `{}` in namespace `{}` with a proxy", .0.instance, .0.namespace)]
pub struct NoSuchProxy(pub ProxyIdentity);

/// Makes the plan of one proxy.
///
/// # Errors
/// When the snapshot has no such instance, or it has no proxy.
pub fn compile(mesh: &Snapshot, proxy: &ProxyIdentity) -> Result<Plan, NoSuchProxy> {
    let instance = mesh.instance(proxy.namespace.as_str(), &proxy.instance);
    match instance.and_then(|instance| instance.sidecar.as_ref()) {
        Some(_) => Ok(Plan::default()),
        None => Err(NoSuchProxy(proxy.clone())),
    }
}
