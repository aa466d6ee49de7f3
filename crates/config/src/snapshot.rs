//! The mesh as one moment's config says it is. Rules, compiler, graph and simulator ask the same [`Snapshot`].
//!
//! It holds no clock and no network: what is not in its objects and instances does not exist. It is built once
//! for each revision and shared behind an `Arc`.

mod credentials;
mod endpoints;
mod entries;
mod hosts;
mod outbound;
mod policies;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use vigla_model::{Fqdn, Namespace, ObjectRef, PeerIdentity, Principal, ServiceName, WorkloadName};

pub use endpoints::ServiceEndpoint;
pub use entries::EntryService;
pub(crate) use hosts::is_visible;
pub use hosts::{Attachment, DestinationPolicy};
pub use outbound::EffectiveOutbound;
pub use policies::EffectiveMtls;

use crate::{
    AuthorizationPolicy, DestinationRule, EnvoyFilter, Gateway, Instance, MeshSettings, Object,
    PeerAuthentication, Service, Sidecar, Telemetry, VirtualService, Workload,
};

/// Index of everything that one revision of the mesh's config says.
#[derive(Debug, Default)]
pub struct Snapshot {
    settings: MeshSettings,
    objects: Vec<Arc<Object>>,
    by_ref: HashMap<ObjectRef, usize>,
    replaced: Vec<Arc<Object>>,
    namespaces: BTreeSet<Namespace>,
    services: Vec<Service>,
    services_by_host: HashMap<Fqdn, usize>,
    workloads: Vec<Workload>,
    workloads_by_name: HashMap<(Namespace, WorkloadName), usize>,
    instances: Vec<Instance>,
    instances_by_workload: HashMap<(Namespace, WorkloadName), Vec<usize>>,
    instances_by_address: HashMap<IpAddr, usize>,
    instances_by_service: Vec<Vec<usize>>,
    principals_by_service: Vec<Vec<Principal>>,
    virtual_services: hosts::HostIndex,
    destination_rules: BTreeMap<Namespace, hosts::HostIndex>,
    gateways: Vec<Arc<Object>>,
    entries: entries::Entries,
    authorization_policies: BTreeMap<Namespace, Vec<Arc<Object>>>,
    telemetries: BTreeMap<Namespace, Vec<Arc<Object>>>,
    peer_authentications: BTreeMap<Namespace, Vec<Arc<Object>>>,
    sidecars: BTreeMap<Namespace, Vec<Arc<Object>>>,
    envoy_filters: BTreeMap<Namespace, Vec<Arc<Object>>>,
    outbound_of_mesh: Option<EffectiveOutbound>,
}

impl Snapshot {
    /// Builds the index. Of two objects with the same name the later one counts.
    pub fn build(
        objects: impl IntoIterator<Item = Arc<Object>>,
        instances: Vec<Instance>,
        settings: MeshSettings,
    ) -> Self {
        let mut mesh = Self {
            settings,
            instances,
            ..Self::default()
        };
        for object in objects {
            match mesh.by_ref.get(object.object_ref()) {
                Some(&index) => {
                    let before = std::mem::replace(&mut mesh.objects[index], object);
                    mesh.replaced.push(before);
                }
                None => {
                    mesh.by_ref
                        .insert(object.object_ref().clone(), mesh.objects.len());
                    mesh.objects.push(object);
                }
            }
        }
        mesh.index_core();
        mesh.index_instances();
        mesh.index_policies();
        mesh
    }

    fn index_core(&mut self) {
        for object in &self.objects {
            if object.kind() == "Namespace" && object.group().is_empty() {
                self.namespaces.insert(object.name().into());
            } else if !object.namespace().as_str().is_empty() {
                self.namespaces.insert(object.namespace().clone());
            }
            self.services.extend(Service::read(object, &self.settings.domain));
            self.workloads.extend(Workload::read(object));
        }
        self.services
            .sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        for (index, service) in self.services.iter().enumerate() {
            self.services_by_host.insert(service.fqdn.clone(), index);
        }
    }

    fn index_instances(&mut self) {
        let known: BTreeSet<(Namespace, WorkloadName)> = self
            .workloads
            .iter()
            .map(|workload| (workload.namespace.clone(), workload.name.clone()))
            .collect();
        let mut unknown = BTreeMap::new();
        for (index, instance) in self.instances.iter().enumerate() {
            self.namespaces.insert(instance.namespace.clone());
            let key = (instance.namespace.clone(), instance.workload.clone());
            if !known.contains(&key) {
                unknown
                    .entry(key.clone())
                    .or_insert_with(|| Workload::of_instance(instance));
            }
            self.instances_by_workload.entry(key).or_default().push(index);
            for address in instance.addresses() {
                self.instances_by_address.entry(address).or_insert(index);
            }
        }
        self.workloads.extend(unknown.into_values());
        self.workloads
            .sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        for (index, workload) in self.workloads.iter().enumerate() {
            let key = (workload.namespace.clone(), workload.name.clone());
            self.workloads_by_name.insert(key, index);
        }
        let mut near: HashMap<&Namespace, Vec<usize>> = HashMap::new();
        for (index, instance) in self.instances.iter().enumerate() {
            near.entry(&instance.namespace).or_default().push(index);
        }
        let behind = |service: &Service| -> Vec<usize> {
            let candidates = near.get(&service.namespace).into_iter().flatten().copied();
            candidates
                .filter(|&index| service.selects(&self.instances[index].labels))
                .collect()
        };
        self.instances_by_service = self.services.iter().map(behind).collect();
        self.principals_by_service = self
            .services
            .iter()
            .map(|service| self.all_principals(service))
            .collect();
    }

    fn index_policies(&mut self) {
        let mut ordered: Vec<&Arc<Object>> = self.objects.iter().collect();
        // Istio's order: the oldest first; among equals by name and namespace.
        ordered.sort_by_key(|object| {
            (
                object.created().unwrap_or(""),
                object.name(),
                object.namespace().as_str(),
            )
        });
        self.entries = entries::Entries::build(&ordered);
        for object in ordered {
            if let Some(rule) = VirtualService::of(object) {
                let hosts = rule.hosts().filter_map(crate::Node::text);
                let hosts = hosts
                    .map(|host| resolve(host, rule.namespace(), &self.settings.domain))
                    .collect();
                self.virtual_services.insert(object, hosts);
            } else if let Some(rule) = DestinationRule::of(object) {
                let hosts = rule
                    .host()
                    .map(|host| resolve(host, rule.namespace(), &self.settings.domain));
                let index = self
                    .destination_rules
                    .entry(rule.namespace().clone())
                    .or_default();
                index.insert(object, hosts.into_iter().collect());
            } else if Gateway::of(object).is_some() {
                self.gateways.push(Arc::clone(object));
            } else if PeerAuthentication::of(object).is_some() {
                let list = self
                    .peer_authentications
                    .entry(object.namespace().clone())
                    .or_default();
                list.push(Arc::clone(object));
            } else if AuthorizationPolicy::of(object).is_some() {
                let list = self
                    .authorization_policies
                    .entry(object.namespace().clone())
                    .or_default();
                list.push(Arc::clone(object));
            } else if Sidecar::of(object).is_some() {
                let list = self.sidecars.entry(object.namespace().clone()).or_default();
                list.push(Arc::clone(object));
            } else if EnvoyFilter::of(object).is_some() {
                let list = self.envoy_filters.entry(object.namespace().clone()).or_default();
                list.push(Arc::clone(object));
            } else if let Some(found) = outbound::of_mesh_config(object, &self.settings.root_namespace) {
                self.outbound_of_mesh = Some(found);
            } else if Telemetry::of(object).is_some() {
                let list = self.telemetries.entry(object.namespace().clone()).or_default();
                list.push(Arc::clone(object));
            }
        }
    }

    /// Names of the mesh that no object holds.
    pub fn settings(&self) -> &MeshSettings {
        &self.settings
    }

    /// All objects, in the order in which they came.
    pub fn objects(&self) -> &[Arc<Object>] {
        &self.objects
    }

    /// Objects that do not count because a later one has the same name.
    pub fn replaced(&self) -> &[Arc<Object>] {
        &self.replaced
    }

    /// The object with this name.
    pub fn find(&self, object: &ObjectRef) -> Option<&Arc<Object>> {
        self.by_ref.get(object).map(|&index| &self.objects[index])
    }

    /// Namespaces that are declared or hold something, in order.
    pub fn namespaces(&self) -> &BTreeSet<Namespace> {
        &self.namespaces
    }

    /// Services, by namespace and name.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// The Service of a host.
    pub fn service(&self, host: &Fqdn) -> Option<&Service> {
        self.services_by_host
            .get(host)
            .map(|&index| &self.services[index])
    }

    /// The Service with this name.
    pub fn service_named(&self, namespace: &Namespace, name: &ServiceName) -> Option<&Service> {
        self.service(&Fqdn::of_service(
            name.as_str(),
            namespace.as_str(),
            &self.settings.domain,
        ))
    }

    /// Workloads, by namespace and name.
    pub fn workloads(&self) -> &[Workload] {
        &self.workloads
    }

    /// The workload with this name.
    pub fn workload(&self, namespace: &Namespace, name: &WorkloadName) -> Option<&Workload> {
        let key = (namespace.clone(), name.clone());
        self.workloads_by_name
            .get(&key)
            .map(|&index| &self.workloads[index])
    }

    /// All instances.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// The instance with this name.
    pub fn instance(&self, namespace: &str, name: &str) -> Option<&Instance> {
        self.instances
            .iter()
            .find(|instance| instance.namespace == *namespace && &*instance.name == name)
    }

    /// The instances of a workload.
    pub fn instances_of(
        &self,
        namespace: &Namespace,
        workload: &WorkloadName,
    ) -> impl Iterator<Item = &Instance> {
        let key = (namespace.clone(), workload.clone());
        let indices = self.instances_by_workload.get(&key);
        indices.into_iter().flatten().map(|&index| &self.instances[index])
    }

    /// Whose address this is: an instance's own, its application's, or its sidecar's. Several workloads may share
    /// one (`--capture ports`), so it is good for a guess and no more.
    pub fn instance_at(&self, address: IpAddr) -> Option<&Instance> {
        self.instances_by_address
            .get(&address)
            .map(|&index| &self.instances[index])
    }

    /// What metrics say of an instance.
    pub fn identity(&self, instance: &Instance) -> PeerIdentity {
        match self.workload(&instance.namespace, &instance.workload) {
            Some(workload) => PeerIdentity {
                // The pod's own labels and account count where they differ from the written ones.
                app: crate::app_of(&instance.labels).or_else(|| workload.app.clone()),
                version: crate::version_of(&instance.labels).or_else(|| workload.version.clone()),
                principal: Some(instance.principal(&self.settings)),
                ..workload.identity(&self.settings)
            },
            None => Workload::of_instance(instance).identity(&self.settings),
        }
    }

    /// The host that a name means where it is written: a name without dot is a service of that namespace.
    pub fn resolve(&self, host: &str, namespace: &Namespace) -> Fqdn {
        resolve(host, namespace, &self.settings.domain)
    }
}

fn resolve(host: &str, namespace: &Namespace, domain: &str) -> Fqdn {
    let host = host.to_ascii_lowercase();
    if host.contains(['.', '*']) {
        Fqdn::new(host)
    } else {
        Fqdn::of_service(&host, namespace.as_str(), domain)
    }
}

#[cfg(test)]
mod tests;
