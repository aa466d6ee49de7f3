//! Which policies hold for a workload.

use std::sync::Arc;

use vigla_model::{Labels, Namespace, Origin};

use super::Snapshot;
use crate::{
    AuthorizationPolicy, EnvoyFilter, Gateway, MtlsMode, Object, PeerAuthentication, Telemetry, view::meets,
};

/// What a workload takes from callers on a port, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveMtls {
    /// The mode.
    pub mode: MtlsMode,
    /// The field that decides; `None` for Istio's default, which is PERMISSIVE.
    pub origin: Option<Origin>,
}

impl Snapshot {
    /// What a workload with these labels takes on a container's port.
    ///
    /// The port's own mode counts before the workload's, then the namespace's, then the mesh's (root namespace);
    /// among several of one kind the oldest. `UNSET` asks the wider one.
    pub fn peer_authentication(&self, namespace: &Namespace, labels: &Labels, port: u16) -> EffectiveMtls {
        let root = &self.settings.root_namespace;
        let of = |namespace: &Namespace| {
            let list = self.peer_authentications.get(namespace);
            list.into_iter()
                .flatten()
                .filter_map(|object| PeerAuthentication::of(object))
        };
        // A selector in the root namespace has no meaning to Istio.
        let workload = of(namespace)
            .filter(|_| namespace != root)
            .find(|policy| policy.selector().is_some_and(|selector| meets(&selector, labels)));
        let wide = |namespace: &Namespace| of(namespace).find(|policy| policy.selector().is_none());
        workload
            .and_then(|policy| Some((policy, policy.port_mode(port)?)))
            .or_else(|| {
                [workload, wide(namespace), wide(root)]
                    .into_iter()
                    .flatten()
                    .find_map(|policy| Some((policy, policy.mode()?)))
            })
            .map_or(
                EffectiveMtls {
                    mode: MtlsMode::Permissive,
                    origin: None,
                },
                |(policy, (mode, node))| EffectiveMtls {
                    mode,
                    origin: Some(policy.origin(node)),
                },
            )
    }

    /// The PeerAuthentications of a namespace, in Istio's order.
    pub fn peer_authentications(
        &self,
        namespace: &Namespace,
    ) -> impl Iterator<Item = PeerAuthentication<'_>> {
        let list = self.peer_authentications.get(namespace);
        list.into_iter()
            .flatten()
            .filter_map(|object| PeerAuthentication::of(object))
    }

    /// The AuthorizationPolicies for pods of a namespace with these labels: the mesh's (root namespace) first, each
    /// namespace's in Istio's order. A selector counts in both.
    pub fn authorization_policies(
        &self,
        namespace: &Namespace,
        labels: &Labels,
    ) -> Vec<AuthorizationPolicy<'_>> {
        let root = &self.settings.root_namespace;
        let own = (namespace != root).then_some(namespace);
        let lists = std::iter::once(root)
            .chain(own)
            .filter_map(|namespace| self.authorization_policies.get(namespace));
        lists
            .flatten()
            .filter_map(|object| AuthorizationPolicy::of(object))
            .filter(|policy| policy.selector().is_none_or(|selector| meets(&selector, labels)))
            .collect()
    }

    /// The EnvoyFilters for pods of a namespace with these labels: the mesh's (root namespace) first, each namespace's in
    /// Istio's order. A selector counts in both.
    pub fn envoy_filters(&self, namespace: &Namespace, labels: &Labels) -> Vec<EnvoyFilter<'_>> {
        let root = &self.settings.root_namespace;
        let own = (namespace != root).then_some(namespace);
        let lists = std::iter::once(root)
            .chain(own)
            .filter_map(|namespace| self.envoy_filters.get(namespace));
        lists
            .flatten()
            .filter_map(|object| EnvoyFilter::of(object))
            .filter(|filter| {
                let selector = filter.workload_selector();
                selector.is_none_or(|selector| meets(&selector, labels))
            })
            .collect()
    }

    /// Share of the traces of a workload that are recorded, in millionths: what its own Telemetry says, else its
    /// namespace's, else the mesh's. `None`: none of them says.
    pub fn trace_sampling(&self, namespace: &Namespace, labels: &Labels) -> Option<u32> {
        let root = &self.settings.root_namespace;
        let of = |namespace: &Namespace, selected: bool| {
            let list = self.telemetries.get(namespace).into_iter().flatten();
            list.filter_map(|object| Telemetry::of(object))
                .filter(move |telemetry| match telemetry.selector() {
                    Some(selector) => selected && meets(&selector, labels),
                    None => !selected,
                })
                .find_map(Telemetry::sampling)
        };
        of(namespace, true)
            .or_else(|| of(namespace, false))
            .or_else(|| of(root, false))
    }

    /// All Gateways, in Istio's order.
    pub fn gateways(&self) -> impl Iterator<Item = Gateway<'_>> {
        self.gateways
            .iter()
            .filter_map(|object: &Arc<Object>| Gateway::of(object))
    }

    /// The Gateways that configure a workload with these labels, in Istio's order. They may stand in any namespace.
    pub fn gateways_of(&self, labels: &Labels) -> impl Iterator<Item = Gateway<'_>> {
        self.gateways()
            .filter(|gateway| gateway.selector().is_none_or(|selector| meets(&selector, labels)))
    }
}
