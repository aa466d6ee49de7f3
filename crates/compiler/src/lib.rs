//! From the mesh's config to what one proxy is to do. Pure: the same [`Snapshot`] and proxy give the same
//! [`Plan`], in the same order, so that versions can be hashes of content.
//!
//! What cannot be compiled is left out and told as a [`Problem`]; the rest of the plan stands.

mod authorization;
mod cluster;
mod context;
mod gateway;
mod names;
mod outline;
mod parts;
mod policy;
mod rate_limit;
mod route;
mod sidecar;
mod table;
mod tcp;
mod unregistered;

use std::{net::SocketAddr, sync::Arc};

use thiserror::Error;
use vigla_config::Snapshot;
use vigla_dataplane::Plan;
use vigla_model::{Namespace, Origin};

pub use outline::{outline, outline_table};
pub use parts::Parts;

use context::Context;

/// The proxy for which a plan is made: the sidecar of an instance, or a gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProxyIdentity {
    /// Namespace of the instance.
    pub namespace: Namespace,
    /// Name of the instance, such as `reviews-v1-0`.
    pub instance: Arc<str>,
}

/// What is the same for all proxies and no object of the mesh holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Spans of requests; `None`: none are made.
    pub tracing: Option<TracingSettings>,
}

/// Where spans go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TracingSettings {
    /// Takes OTLP over gRPC, without TLS.
    pub collector: SocketAddr,
    /// Share of the traces that are recorded where no Telemetry says another, in millionths.
    pub sampling: u32,
}

/// A proxy that the mesh does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no instance `{}` in namespace `{}` with a proxy", .0.instance, .0.namespace)]
pub struct NoSuchProxy(pub ProxyIdentity);

/// Something in the config that could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it is written.
    pub origin: Origin,
    /// What is wrong, and what the proxy does instead.
    pub message: String,
}

/// A plan, and what could not be put into it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Compiled {
    /// The plan.
    pub plan: Plan,
    /// What is not in it, in order of the compilation; each once.
    pub problems: Vec<Problem>,
}

/// Makes the plan of one proxy.
///
/// # Errors
/// When the snapshot has no such instance, or it has no proxy.
pub fn compile(mesh: &Snapshot, proxy: &ProxyIdentity) -> Result<Plan, NoSuchProxy> {
    compile_with(mesh, proxy, &Settings::default(), &mut Parts::default()).map(|compiled| compiled.plan)
}

/// Makes the plan of one proxy from parts that it shares with other plans: a part that is equal to one seen before
/// is the same `Arc`, also over revisions, so that its encoded form can be found by pointer.
///
/// # Errors
/// When the snapshot has no such instance, or it has no proxy.
pub fn compile_with(
    mesh: &Snapshot,
    proxy: &ProxyIdentity,
    settings: &Settings,
    parts: &mut Parts,
) -> Result<Compiled, NoSuchProxy> {
    let instance = mesh.instance(proxy.namespace.as_str(), &proxy.instance);
    let Some((instance, capture)) =
        instance.and_then(|instance| Some((instance, instance.sidecar.as_ref()?)))
    else {
        return Err(NoSuchProxy(proxy.clone()));
    };
    let mut context = Context::new(mesh, instance, settings, parts);
    if context::is_gateway(instance) {
        gateway::build(&mut context);
    } else {
        sidecar::build(&mut context, capture);
    }
    Ok(context.finish())
}

#[cfg(test)]
mod tests;
