//! [`Plan`] to Envoy v3 messages.

use std::{
    fmt::{self, Write},
    hash::Hasher,
    path::Path,
    sync::Arc,
};

use prost::{Message, Name};
use twox_hash::XxHash64;
use vigla_dataplane::Plan;

use crate::{
    Resource, ResourceKind, Resources, Secret,
    codec::{cluster, endpoint, listener, pack, route, secret},
};

/// What an encoding depends on beside the plan.
#[derive(Debug, Clone, Copy, Default)]
pub struct EncodeOptions<'a> {
    /// File for Envoy's JSON access log; `None`: no log. `vigla-proxy` takes its own from the command line and
    /// is sent none.
    pub access_log: Option<&'a Path>,
}

/// Encodes a plan. Secrets are not part of it; see [`encode_secret`].
pub fn encode(plan: &Plan, options: EncodeOptions<'_>) -> Resources {
    let mut resources = Resources::default();
    *resources.of_mut(ResourceKind::Cluster) = plan
        .clusters
        .values()
        .map(|part| resource(&part.name, &cluster::write(part), part))
        .collect();
    *resources.of_mut(ResourceKind::Endpoints) = plan
        .endpoints
        .iter()
        .map(|(name, part)| resource(name, &endpoint::write(name, &part.endpoints), part))
        .collect();
    *resources.of_mut(ResourceKind::Listener) = plan
        .listeners
        .values()
        .map(|part| resource(&part.name, &listener::write(part, options), &(part, options)))
        .collect();
    *resources.of_mut(ResourceKind::RouteTable) = plan
        .route_tables
        .values()
        .map(|part| resource(&part.name, &route::write(part), part))
        .collect();
    resources
}

/// Encodes a secret under its SDS name.
pub fn encode_secret(name: &str, secret: &Secret) -> Resource {
    let message = secret::write(name, secret);
    // These messages have no maps, so equal secrets have equal bytes; and `Debug` does not show the key.
    let any = pack(&message).encode_to_vec();
    let mut hasher = XxHash64::with_seed(0);
    hasher.write(&any);
    Resource::new(name.into(), &any, hasher.finish())
}

fn resource(name: &Arc<str>, message: &impl Name, content: &impl fmt::Debug) -> Resource {
    Resource::new(Arc::clone(name), &pack(message).encode_to_vec(), hash_of(content))
}

/// Hash of a part by its `Debug` text, which is complete and in order. The release is part of it: another
/// release may write the same part in other words.
fn hash_of(content: &impl fmt::Debug) -> u64 {
    struct Sink(XxHash64);
    impl Write for Sink {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut sink = Sink(XxHash64::with_seed(0));
    write!(sink, "{} {content:?}", env!("CARGO_PKG_VERSION")).expect("the sink takes everything");
    sink.0.finish()
}

#[cfg(test)]
mod tests;
