//! What becomes of calls to hosts that nobody registered: the mesh's word, and that of Sidecars.

use vigla_model::{Labels, Namespace, Origin};

use super::Snapshot;
use crate::{Node, Object, OutboundMode, Sidecar, read_documents, view::meets};

/// What becomes of such calls, and who says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EffectiveOutbound {
    /// The mode.
    pub mode: OutboundMode,
    /// The field that decides; `None` for a setting or Istio's default, which is ALLOW_ANY.
    pub origin: Option<Origin>,
}

impl Snapshot {
    /// What becomes of a workload's calls to hosts that nobody registered.
    ///
    /// The workload's own Sidecar counts, else its namespace's, else the mesh's (root namespace); among several of one
    /// kind the oldest. Where it does not say, the mesh's config does: the ConfigMap `istio`, else the settings.
    pub fn outbound_policy(&self, namespace: &Namespace, labels: &Labels) -> EffectiveOutbound {
        let written = self.sidecar_of(namespace, labels).and_then(|sidecar| {
            let (mode, node) = sidecar.outbound()?;
            Some(EffectiveOutbound {
                mode,
                origin: Some(sidecar.origin(node)),
            })
        });
        written
            .or_else(|| self.outbound_of_mesh.clone())
            .unwrap_or(EffectiveOutbound {
                mode: self.settings.outbound,
                origin: None,
            })
    }

    /// The Sidecar that configures a workload.
    fn sidecar_of(&self, namespace: &Namespace, labels: &Labels) -> Option<Sidecar<'_>> {
        let of = |namespace: &Namespace| {
            let list = self.sidecars.get(namespace);
            list.into_iter()
                .flatten()
                .filter_map(|object| Sidecar::of(object))
        };
        let selects = |sidecar: &Sidecar<'_>| {
            let selector = sidecar.workload_selector();
            selector.is_some_and(|selector| meets(&selector, labels))
        };
        let wide = |sidecar: &Sidecar<'_>| sidecar.workload_selector().is_none();
        of(namespace)
            .find(selects)
            .or_else(|| of(namespace).find(wide))
            .or_else(|| of(&self.settings.root_namespace).find(wide))
    }
}

/// What the mesh's config says, which is a text in a ConfigMap of Istio.
pub(super) fn of_mesh_config(object: &Object, root: &Namespace) -> Option<EffectiveOutbound> {
    let is_mesh_config = object.kind() == "ConfigMap"
        && object.group().is_empty()
        && object.name() == "istio"
        && object.namespace() == root;
    let node = is_mesh_config.then(|| object.root().get("data")?.get("mesh"))??;
    let documents = read_documents(object.name(), node.raw()?.0);
    let policy = documents.documents.first()?.root().get("outboundTrafficPolicy")?;
    Some(EffectiveOutbound {
        mode: OutboundMode::of(policy).filter(|_| !Node::is_null(policy))?,
        origin: Some(object.origin_of(node)),
    })
}
