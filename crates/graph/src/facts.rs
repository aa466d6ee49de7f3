//! What a [`Snapshot`] knows that the graph asks for, looked up once for each revision of the config.

use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
};

use vigla_config::{DestinationPolicy, HttpRule, Node, Snapshot, VirtualService, Workload};
use vigla_model::{ClusterName, Fqdn, Namespace, Principal, Protocol, WorkloadName};

use crate::{Badge, HostFacts, Identities, WorkloadFacts};

/// The mesh as one revision of its config says. Make it when the config changes, use it at every refresh.
#[derive(Debug, Default)]
pub struct MeshFacts {
    cluster: Option<ClusterName>,
    workloads: HashMap<Namespace, HashMap<WorkloadName, WorkloadFacts>>,
    /// `None`: several workloads have it, so it tells nothing.
    addresses: HashMap<IpAddr, Option<(Namespace, WorkloadName)>>,
    accounts: HashMap<Principal, Option<WorkloadName>>,
    hosts: HashMap<Fqdn, HostFacts>,
    /// Endings of outside hosts that are written with `*` in front.
    outside: Vec<(String, HostFacts)>,
}

impl MeshFacts {
    /// Looks everything up.
    pub fn of(mesh: &Snapshot) -> Self {
        let mut facts = Self {
            cluster: Some(mesh.settings().cluster.clone()),
            ..Self::default()
        };
        let badges = badges(mesh);
        let on = |host: &Fqdn| badges.get(host).into_iter().flatten().copied();
        for service in mesh.services() {
            let protocols: BTreeSet<Protocol> = service
                .ports
                .iter()
                .map(|port| port.protocol.protocol())
                .collect();
            let host = HostFacts {
                namespace: Some(service.namespace.clone()),
                name: Some(service.name.clone()),
                external: false,
                protocol: protocols.first().copied().filter(|_| protocols.len() == 1),
                badges: on(&service.fqdn).collect(),
            };
            facts.hosts.insert(service.fqdn.clone(), host);
        }
        facts.add_outside_hosts(mesh, on);
        for workload in mesh.workloads() {
            let hosts = mesh.services_of(workload).map(|service| &service.fqdn);
            let known = workload_facts(mesh, workload, hosts.flat_map(on).collect());
            let of_namespace = facts.workloads.entry(workload.namespace.clone()).or_default();
            of_namespace.insert(workload.name.clone(), known);
            facts
                .accounts
                .entry(workload.principal(mesh.settings()))
                .and_modify(|only| *only = None)
                .or_insert_with(|| Some(workload.name.clone()));
        }
        facts.add_addresses(mesh);
        facts
    }

    fn add_outside_hosts<I: Iterator<Item = Badge>>(&mut self, mesh: &Snapshot, on: impl Fn(&Fqdn) -> I) {
        for entry in mesh.objects() {
            let Some(spec) = entry.spec().filter(|_| entry.kind() == "ServiceEntry") else {
                continue;
            };
            let inside = spec.get("location").and_then(Node::text) == Some("MESH_INTERNAL");
            for written in spec
                .get("hosts")
                .into_iter()
                .flat_map(Node::items)
                .filter_map(Node::text)
            {
                let host = Fqdn::new(written.to_ascii_lowercase());
                let facts = HostFacts {
                    namespace: Some(entry.namespace().clone()),
                    external: !inside,
                    badges: on(&host).collect(),
                    ..HostFacts::default()
                };
                match host.as_str().strip_prefix('*') {
                    Some(ending) => self.outside.push((ending.to_owned(), facts)),
                    // A Service of the same name is the mesh's own word.
                    None => drop(self.hosts.entry(host).or_insert(facts)),
                }
            }
        }
        // The closest ending counts.
        self.outside
            .sort_by_key(|(ending, _)| std::cmp::Reverse(ending.len()));
    }

    /// Addresses that instances and their sidecars use; in some modes of capture all share one, which then tells
    /// nothing.
    fn add_addresses(&mut self, mesh: &Snapshot) {
        for instance in mesh.instances() {
            let who = (instance.namespace.clone(), instance.workload.clone());
            let sidecars = instance
                .sidecar
                .iter()
                .flat_map(|capture| capture.app.values().chain(capture.outbound.values()));
            let ports = instance.published.values().chain(sidecars).map(SocketAddr::ip);
            for address in ports.chain([instance.address]) {
                let has = self.addresses.entry(address).or_insert_with(|| Some(who.clone()));
                if has.as_ref() != Some(&who) {
                    *has = None;
                }
            }
        }
    }
}

impl Identities for MeshFacts {
    fn cluster(&self) -> Option<ClusterName> {
        self.cluster.clone()
    }

    fn workloads(&self) -> Vec<(Namespace, WorkloadName)> {
        let all = self.workloads.iter();
        all.flat_map(|(namespace, names)| names.keys().map(|name| (namespace.clone(), name.clone())))
            .collect()
    }

    fn workload(&self, namespace: &str, workload: &str) -> Option<WorkloadFacts> {
        self.workloads.get(namespace)?.get(workload).cloned()
    }

    fn instance_at(&self, address: IpAddr) -> Option<(Namespace, WorkloadName)> {
        self.addresses.get(&address)?.clone()
    }

    fn workload_of(&self, principal: &Principal) -> Option<WorkloadName> {
        self.accounts.get(principal)?.clone()
    }

    fn host(&self, host: &Fqdn) -> Option<HostFacts> {
        let ending = || {
            self.outside
                .iter()
                .find(|(ending, _)| host.as_str().ends_with(ending.as_str()))
        };
        self.hosts.get(host).or_else(|| Some(&ending()?.1)).cloned()
    }
}

fn workload_facts(mesh: &Snapshot, workload: &Workload, badges: BTreeSet<Badge>) -> WorkloadFacts {
    let instances: Vec<_> = mesh.instances_of(&workload.namespace, &workload.name).collect();
    // A Gateway without selector is for every gateway, and makes none.
    let gateway = mesh
        .gateways_of(&workload.labels)
        .any(|gateway| gateway.selector().is_some());
    let ready = instances.iter().filter(|instance| instance.ready).count();
    let counted = !instances.is_empty();
    WorkloadFacts {
        app: workload.app.clone(),
        version: workload.version.clone(),
        sidecar: counted.then(|| gateway || instances.iter().all(|instance| instance.sidecar.is_some())),
        gateway,
        // Where no instance is known, nobody told of instances: that is not "none of them is ready".
        replicas: workload
            .replicas
            .filter(|_| counted)
            .map(|wanted| (ready as u32, wanted)),
        badges,
    }
}

/// Rules in effect on requests to each host.
fn badges(mesh: &Snapshot) -> HashMap<Fqdn, BTreeSet<Badge>> {
    let mut badges: HashMap<Fqdn, BTreeSet<Badge>> = HashMap::new();
    for virtual_service in mesh.all_virtual_services() {
        for rule in virtual_service.http() {
            let found = rule_badges(rule);
            for host in destinations(mesh, virtual_service, rule) {
                badges.entry(host).or_default().extend(&found);
            }
        }
    }
    for service in mesh.services() {
        let policy = mesh.destination_rule(&service.fqdn, &service.namespace);
        if policy.is_some_and(|policy| breaks_circuits(&policy)) {
            badges
                .entry(service.fqdn.clone())
                .or_default()
                .insert(Badge::Breaker);
        }
    }
    badges
}

/// Hosts to which a rule sends requests.
fn destinations(mesh: &Snapshot, virtual_service: VirtualService<'_>, rule: HttpRule<'_>) -> BTreeSet<Fqdn> {
    let written = rule.routes().filter_map(|route| route.destination()?.host());
    written
        .map(|host| mesh.resolve(host, virtual_service.namespace()))
        .collect()
}

fn rule_badges(rule: HttpRule<'_>) -> BTreeSet<Badge> {
    let weighted = rule.routes().filter(|route| route.weight() != Some(0)).count();
    let marks = [
        (Badge::Route, rule.matches().next().is_some()),
        (Badge::Split, weighted > 1),
        (
            Badge::Mirror,
            rule.field("mirror").or_else(|| rule.field("mirrors")).is_some(),
        ),
        (Badge::Fault, rule.fault().is_some()),
        (
            Badge::Timeout,
            rule.timeout().is_some_and(|timeout| !timeout.is_zero()),
        ),
        (Badge::Retry, rule.retries().is_some()),
    ];
    marks
        .into_iter()
        .filter_map(|(badge, holds)| holds.then_some(badge))
        .collect()
}

fn breaks_circuits(policy: &DestinationPolicy<'_>) -> bool {
    let policies = policy.rules().iter().filter_map(|rule| rule.traffic_policy());
    let mut limits = policies.flat_map(|policy| {
        ["connectionPool", "outlierDetection"]
            .into_iter()
            .filter_map(move |key| policy.node().get(key))
    });
    limits.next().is_some()
}

#[cfg(test)]
mod tests;
