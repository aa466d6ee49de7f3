//! Running instances of workloads (pods), as they are found beside the written config.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use vigla_model::{Fqdn, Labels, Namespace, Principal, WorkloadName};

use crate::MeshSettings;

/// One running instance of a workload: a pod, or a demo application. It becomes an endpoint of every
/// Service whose selector its labels meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Unique within the namespace, such as `reviews-v1-0`.
    pub name: Arc<str>,
    /// Its namespace.
    pub namespace: Namespace,
    /// The workload that it belongs to.
    pub workload: WorkloadName,
    /// Labels of the pod.
    pub labels: Labels,
    /// Service account; `default` when none is written.
    pub service_account: Arc<str>,
    /// Address at which others reach it (the pod's IP).
    pub address: IpAddr,
    /// Its sidecar's place, `None` without sidecar.
    pub sidecar: Option<Capture>,
    /// Where others reach a container port when that is not `address:port` (`--capture ports`).
    pub published: BTreeMap<u16, SocketAddr>,
    /// Whether it may get traffic.
    pub ready: bool,
}

impl Instance {
    /// Where others reach a container port.
    pub fn endpoint(&self, port: u16) -> SocketAddr {
        self.published
            .get(&port)
            .copied()
            .unwrap_or(SocketAddr::new(self.address, port))
    }

    /// Its SPIFFE id.
    pub fn principal(&self, settings: &MeshSettings) -> Principal {
        Principal::new(
            &settings.trust_domain,
            self.namespace.as_str(),
            &self.service_account,
        )
    }

    /// Every address that it or its sidecar uses.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let capture = self.sidecar.iter().flat_map(|capture| {
            let outbound = capture.outbound.values().chain(capture.services.values());
            capture.app.values().chain(outbound)
        });
        std::iter::once(self.address).chain(self.published.values().chain(capture).map(SocketAddr::ip))
    }
}

/// How traffic comes to a sidecar when nothing redirects packets: it listens on addresses of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// Where the application itself listens, by container port.
    pub app: BTreeMap<u16, SocketAddr>,
    /// Where the sidecar takes the application's calls, by service port.
    pub outbound: BTreeMap<u16, SocketAddr>,
    /// Where the sidecar takes calls of one service only, by its host and port: services whose bytes do not say for
    /// whom they are (TCP) need an address each when several have the same port.
    pub services: BTreeMap<(Fqdn, u16), SocketAddr>,
}
