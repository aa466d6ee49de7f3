//! From the labels of one row to the two ends of its edge.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use vigla_model::{AppName, ClusterName, Fqdn, Namespace, PeerIdentity, Version, WorkloadName};

use crate::{Guess, Id, Identities, NodeKind, TrafficKey, id};

/// Names under which Envoy counts traffic to hosts that nobody registered.
const UNREGISTERED: [&str; 2] = ["PassthroughCluster", "BlackHoleCluster"];

/// One end of an edge, before it becomes a node. Most rows meet a node that is drawn already, so names are borrowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End<'a> {
    /// A workload, by labels, certificate or service account.
    Workload {
        cluster: Option<&'a ClusterName>,
        namespace: Cow<'a, Namespace>,
        workload: Cow<'a, WorkloadName>,
        /// As the labels say; `None` when they do not.
        app: Option<&'a AppName>,
        version: Option<&'a Version>,
    },
    /// The service, where requests reached no workload.
    Service(&'a Fqdn),
    /// A host outside of the mesh.
    External(&'a Fqdn),
    /// Unregistered hosts, by the name of Envoy's cluster for them.
    Passthrough(&'a Fqdn),
    /// A caller that nobody named; perhaps we know who has its address.
    UnknownCaller(Option<Guess>),
    /// A callee that nobody named.
    UnknownCallee,
}

impl<'a> End<'a> {
    pub(crate) fn kind(&self) -> NodeKind {
        match self {
            Self::Workload { .. } => NodeKind::Workload,
            Self::Service(_) => NodeKind::Service,
            Self::External(_) => NodeKind::External,
            Self::Passthrough(_) => NodeKind::Passthrough,
            Self::UnknownCaller(_) | Self::UnknownCallee => NodeKind::Unknown,
        }
    }

    /// Identity of the node. A guess is part of it, so that two guessed callers are two nodes.
    pub(crate) fn id(&self) -> Id {
        let named = |namespace, name: &str| id::node(self.kind(), None, namespace, name, None);
        match self {
            Self::Workload {
                cluster,
                namespace,
                workload,
                ..
            } => id::node(
                NodeKind::Workload,
                cluster.map(ClusterName::as_str),
                Some(namespace.as_str()),
                workload.as_str(),
                None,
            ),
            Self::Service(host) | Self::External(host) | Self::Passthrough(host) => {
                named(None, host.as_str())
            }
            Self::UnknownCaller(Some(guess)) => {
                named(Some(guess.namespace.as_str()), guess.workload.as_str())
            }
            Self::UnknownCaller(None) => named(None, "caller"),
            Self::UnknownCallee => named(None, "callee"),
        }
    }

    /// The end for a workload of the mesh, which is this cluster.
    pub(crate) fn workload(
        cluster: Option<&'a ClusterName>,
        namespace: Namespace,
        workload: WorkloadName,
    ) -> Self {
        Self::Workload {
            cluster,
            namespace: Cow::Owned(namespace),
            workload: Cow::Owned(workload),
            app: None,
            version: None,
        }
    }
}

/// The end that labels name: a workload, directly or by a service account that only one workload has. `other` is the
/// cluster of the other end, `home` the mesh's.
fn named<'a>(
    labels: &'a PeerIdentity,
    other: Option<&'a ClusterName>,
    home: Option<&'a ClusterName>,
    mesh: &dyn Identities,
) -> Option<End<'a>> {
    let (namespace, workload) = match (&labels.namespace, &labels.workload, &labels.principal) {
        (Some(namespace), Some(workload), _) => (Cow::Borrowed(namespace), Cow::Borrowed(workload)),
        (_, _, Some(principal)) => (
            Cow::Owned(principal.namespace().into()),
            Cow::Owned(mesh.workload_of(principal)?),
        ),
        _ => return None,
    };
    Some(End::Workload {
        // Calls seldom leave their cluster, and proxies of several clusters may write into one store of metrics.
        cluster: labels.cluster.as_ref().or(other).or(home),
        namespace,
        workload,
        app: labels.app.as_ref(),
        version: labels.version.as_ref(),
    })
}

/// The caller of a row.
pub(crate) fn source<'a>(
    key: &'a TrafficKey,
    home: Option<&'a ClusterName>,
    mesh: &dyn Identities,
) -> End<'a> {
    named(&key.source, key.destination.cluster.as_ref(), home, mesh)
        .unwrap_or_else(|| End::UnknownCaller(guess(key.source_address.as_ref(), mesh)))
}

/// The callee of a row.
pub(crate) fn target<'a>(
    key: &'a TrafficKey,
    home: Option<&'a ClusterName>,
    mesh: &dyn Identities,
) -> End<'a> {
    if let Some(end) = named(&key.destination, key.source.cluster.as_ref(), home, mesh) {
        return end;
    }
    match &key.service {
        Some(host) if UNREGISTERED.contains(&host.as_str()) => End::Passthrough(host),
        Some(host) if mesh.host(host).is_some_and(|facts| facts.external) => End::External(host),
        Some(host) => End::Service(host),
        None => End::UnknownCallee,
    }
}

/// Who has this address. Only ever a guess: an address proves nothing.
fn guess(address: Option<&Arc<str>>, mesh: &dyn Identities) -> Option<Guess> {
    let address = address?;
    let (namespace, workload) = mesh.instance_at(address.parse::<IpAddr>().ok()?)?;
    Some(Guess {
        workload,
        namespace,
        from: format!("address {address}"),
    })
}
