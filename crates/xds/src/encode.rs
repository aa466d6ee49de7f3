//! [`Plan`] to Envoy v3 messages.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::{self, Write},
    hash::Hasher,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use prost::{Message, Name};
use twox_hash::XxHash64;
use vigla_dataplane::{Cluster, Endpoints, Listener, Plan, RouteTable};

use crate::{
    Resource, ResourceKind, ResourceSet, Resources, Secret,
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
    Encoder::default().encode(plan, options)
}

/// Encodes plans, and remembers the encoded form of their parts: a part that plans or revisions share (the same
/// `Arc`) is encoded once, and its bytes are shared by all streams.
#[derive(Debug, Default)]
pub struct Encoder {
    clusters: Shelf<Cluster>,
    endpoints: Shelf<Endpoints>,
    /// By file of the access log: it is part of a listener's encoding.
    listeners: BTreeMap<Option<PathBuf>, Shelf<Listener>>,
    tables: Shelf<RouteTable>,
}

impl Encoder {
    /// Encodes a plan. Secrets are not part of it; see [`encode_secret`].
    pub fn encode(&mut self, plan: &Plan, options: EncodeOptions<'_>) -> Resources {
        let mut resources = Resources::default();
        *resources.of_mut(ResourceKind::Cluster) = self.clusters.encode(&plan.clusters, |name, part| {
            resource(name, &cluster::write(part), part)
        });
        *resources.of_mut(ResourceKind::Endpoints) = self.endpoints.encode(&plan.endpoints, |name, part| {
            resource(name, &endpoint::write(name, &part.endpoints), part)
        });
        let log = options.access_log.map(Path::to_owned);
        let listeners = self.listeners.entry(log).or_default();
        *resources.of_mut(ResourceKind::Listener) = listeners.encode(&plan.listeners, |name, part| {
            resource(name, &listener::write(part, options), &(part, options))
        });
        *resources.of_mut(ResourceKind::RouteTable) = self.tables.encode(&plan.route_tables, |name, part| {
            resource(name, &route::write(part), part)
        });
        resources
    }

    /// Forgets parts that no plan holds any more. Call it after each revision: it is what bounds the size.
    pub fn forget_unused(&mut self) {
        self.clusters.forget_unused();
        self.endpoints.forget_unused();
        self.listeners.values_mut().for_each(Shelf::forget_unused);
        self.listeners.retain(|_, shelf| !shelf.0.is_empty());
        self.tables.forget_unused();
    }
}

/// Encoded parts by address and name. The weak pointer keeps the address from being used again.
#[derive(Debug)]
struct Shelf<T>(HashMap<(usize, Arc<str>), (Weak<T>, Resource)>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Shelf<T> {
    fn encode(
        &mut self,
        parts: &BTreeMap<Arc<str>, Arc<T>>,
        encode: impl Fn(&Arc<str>, &T) -> Resource,
    ) -> ResourceSet {
        let encoded = parts.iter().map(|(name, part)| {
            let key = (Arc::as_ptr(part).addr(), Arc::clone(name));
            let entry = self.0.entry(key);
            let (_, resource) = entry.or_insert_with(|| (Arc::downgrade(part), encode(name, part.as_ref())));
            resource.clone()
        });
        encoded.collect()
    }

    fn forget_unused(&mut self) {
        self.0.retain(|_, (part, _)| part.strong_count() > 0);
    }
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
