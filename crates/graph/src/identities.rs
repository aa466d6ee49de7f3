//! What the graph asks about the mesh to complete what metrics say.

use std::{collections::BTreeSet, net::IpAddr};

use vigla_model::{
    AppName, ClusterName, Fqdn, Namespace, Principal, Protocol, ServiceName, Version, WorkloadName,
};

use crate::Badge;

/// The mesh as the graph needs to know it. [`MeshFacts`](crate::MeshFacts) is the implementation over a `Snapshot`;
/// tests have small ones.
pub trait Identities {
    /// The cluster that workloads are in when labels name none.
    fn cluster(&self) -> Option<ClusterName>;

    /// Workloads that are to be seen even while idle.
    fn workloads(&self) -> Vec<(Namespace, WorkloadName)>;

    /// What is known of a workload; `None` when nothing is.
    fn workload(&self, namespace: &str, workload: &str) -> Option<WorkloadFacts>;

    /// The workload of the instance with this address.
    fn instance_at(&self, address: IpAddr) -> Option<(Namespace, WorkloadName)>;

    /// The one workload that runs under a service account; `None` when there is none, or more than one.
    fn workload_of(&self, principal: &Principal) -> Option<WorkloadName>;

    /// What is known of a host; `None` when no Service or ServiceEntry has it.
    fn host(&self, host: &Fqdn) -> Option<HostFacts>;
}

/// What is known of a workload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkloadFacts {
    /// Its app.
    pub app: Option<AppName>,
    /// Its version.
    pub version: Option<Version>,
    /// Whether it has a sidecar (or is a proxy itself).
    pub sidecar: Option<bool>,
    /// Whether a Gateway selects it.
    pub gateway: bool,
    /// Instances that are ready, and instances wanted.
    pub replicas: Option<(u32, u32)>,
    /// Rules in effect on requests to it.
    pub badges: BTreeSet<Badge>,
}

/// What is known of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Namespace of the Service or ServiceEntry.
    pub namespace: Option<Namespace>,
    /// Short name, for Services.
    pub name: Option<ServiceName>,
    /// Whether it lies outside of the mesh (a ServiceEntry's host).
    pub external: bool,
    /// The protocol of its ports, when all have the same.
    pub protocol: Option<Protocol>,
    /// Rules in effect on requests to it.
    pub badges: BTreeSet<Badge>,
}

/// Nothing is known but what metrics say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unidentified;

impl Identities for Unidentified {
    fn cluster(&self) -> Option<ClusterName> {
        None
    }
    fn workloads(&self) -> Vec<(Namespace, WorkloadName)> {
        Vec::new()
    }
    fn workload(&self, _: &str, _: &str) -> Option<WorkloadFacts> {
        None
    }
    fn instance_at(&self, _: IpAddr) -> Option<(Namespace, WorkloadName)> {
        None
    }
    fn workload_of(&self, _: &Principal) -> Option<WorkloadName> {
        None
    }
    fn host(&self, _: &Fqdn) -> Option<HostFacts> {
        None
    }
}
