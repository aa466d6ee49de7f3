//! What is the same for the whole mesh.

use vigla_model::{ClusterName, Namespace};

use crate::OutboundMode;

/// Names of the mesh that no object holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshSettings {
    /// Kubernetes cluster, for metrics.
    pub cluster: ClusterName,
    /// DNS domain of services, `cluster.local`.
    pub domain: String,
    /// Trust domain of identities, `cluster.local`.
    pub trust_domain: String,
    /// Namespace whose policies hold for the whole mesh, `istio-system`.
    pub root_namespace: Namespace,
    /// What becomes of calls to hosts that nobody registered, where no object says.
    pub outbound: OutboundMode,
}

impl Default for MeshSettings {
    fn default() -> Self {
        Self {
            cluster: "Kubernetes".into(),
            domain: "cluster.local".to_owned(),
            trust_domain: "cluster.local".to_owned(),
            root_namespace: "istio-system".into(),
            outbound: OutboundMode::default(),
        }
    }
}
