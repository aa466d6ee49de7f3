//! Hosts of ServiceEntries, in the form of services.

use std::{collections::HashMap, sync::Arc};

use vigla_model::{Fqdn, Principal};

use super::Snapshot;
use crate::{
    EntryEndpoint, Instance, Object, Resolution, Service, ServiceEntry,
    view::{meets, workload_entry},
};

/// A host of a ServiceEntry.
#[derive(Debug, Clone)]
pub struct EntryService {
    /// The host as a service: its name is the host, its object the ServiceEntry.
    pub service: Service,
    /// How its endpoints are found.
    pub resolution: Resolution,
    /// Whether its workloads are of the mesh.
    pub is_internal: bool,
    /// Addresses that are written for it; the proxies see no difference between them and the host.
    pub addresses: Vec<Arc<str>>,
    /// Endpoints that are written in it or in WorkloadEntries that it selects.
    pub endpoints: Vec<EntryEndpoint>,
    /// Names that its servers may show.
    pub subject_alt_names: Vec<Arc<str>>,
}

/// All hosts of ServiceEntries. Of two entries for a host the first counts.
#[derive(Debug, Default)]
pub(super) struct Entries {
    services: Vec<EntryService>,
    by_host: HashMap<Fqdn, usize>,
}

impl Entries {
    pub(super) fn build(objects: &[&Arc<Object>]) -> Self {
        let mut entries = Self::default();
        for object in objects {
            let Some(entry) = ServiceEntry::of(object) else {
                continue;
            };
            // An entry whose endpoints are found in a way that we do not know is as if it were not there.
            let Some(resolution) = entry.resolution() else {
                continue;
            };
            let selector = entry.workload_selector();
            let mut endpoints: Vec<EntryEndpoint> = entry.endpoints().collect();
            if let Some(selector) = &selector {
                let near = objects
                    .iter()
                    .filter(|other| other.namespace() == object.namespace());
                let selected = near.filter_map(|other| workload_entry(other));
                endpoints.extend(selected.filter(|endpoint| meets(selector, &endpoint.labels)));
            }
            for host in entry.hosts() {
                let host = host.to_ascii_lowercase();
                let service = Service {
                    object: Arc::clone(object),
                    name: host.as_str().into(),
                    namespace: object.namespace().clone(),
                    fqdn: Fqdn::new(host),
                    ports: entry.ports(),
                    selector: selector.clone(),
                    headless: false,
                    export_to: entry.export_to().map(str::to_owned).collect(),
                };
                if entries.by_host.contains_key(&service.fqdn) {
                    continue;
                }
                entries
                    .by_host
                    .insert(service.fqdn.clone(), entries.services.len());
                entries.services.push(EntryService {
                    service,
                    resolution,
                    is_internal: entry.is_internal(),
                    addresses: entry.addresses().map(Arc::from).collect(),
                    endpoints: endpoints.clone(),
                    subject_alt_names: entry.subject_alt_names().map(Arc::from).collect(),
                });
            }
        }
        entries
    }
}

impl Snapshot {
    /// Hosts of ServiceEntries, in Istio's order of their objects.
    pub fn entry_services(&self) -> &[EntryService] {
        &self.entries.services
    }

    /// The host of a ServiceEntry.
    pub fn entry_service(&self, host: &Fqdn) -> Option<&EntryService> {
        let index = self.entries.by_host.get(host);
        index.map(|&index| &self.entries.services[index])
    }

    /// The Service of a host, else its ServiceEntry in that form.
    pub fn any_service(&self, host: &Fqdn) -> Option<&Service> {
        self.service(host)
            .or_else(|| self.entry_service(host).map(|entry| &entry.service))
    }

    /// Pods that a ServiceEntry selects.
    pub fn instances_of_entry(&self, entry: &EntryService) -> impl Iterator<Item = &Instance> {
        let service = &entry.service;
        self.instances
            .iter()
            .filter(|instance| instance.namespace == service.namespace && service.selects(&instance.labels))
    }

    /// Every SPIFFE id that may answer for a host of a ServiceEntry; empty when none is known to be of the mesh.
    pub fn principals_of_entry(&self, entry: &EntryService) -> Vec<Principal> {
        let trust_domain = &self.settings.trust_domain;
        let namespace = entry.service.namespace.as_str();
        let written = entry
            .endpoints
            .iter()
            .filter(|endpoint| !endpoint.service_account.is_empty());
        let written =
            written.map(|endpoint| Principal::new(trust_domain, namespace, &endpoint.service_account));
        let running = self
            .instances_of_entry(entry)
            .map(|instance| instance.principal(&self.settings));
        let mut all: Vec<Principal> = written.chain(running).collect();
        all.sort();
        all.dedup();
        all
    }
}
