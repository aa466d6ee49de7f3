//! Which VirtualService and DestinationRule are in effect for a host.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use vigla_model::{Fqdn, Labels, Namespace, SubsetName};

use super::Snapshot;
use crate::{
    ClientTls, ConnectionPoolSettings, DestinationRule, LoadBalancer, Node, Object, OutlierDetection, Subset,
    TlsMode, TrafficPolicy, VirtualService,
    view::{meets, names_gateway},
};

/// Objects by the hosts for which they are, in Istio's order.
#[derive(Debug, Default)]
pub(super) struct HostIndex {
    objects: Vec<Arc<Object>>,
    exact: HashMap<Fqdn, Vec<usize>>,
    /// What follows the `*`, such as `.example.com`; empty for `*` alone.
    wildcards: Vec<(String, usize)>,
}

impl HostIndex {
    pub(super) fn insert(&mut self, object: &Arc<Object>, hosts: Vec<Fqdn>) {
        let index = self.objects.len();
        self.objects.push(Arc::clone(object));
        // A host that is written twice is one.
        let mut seen = HashSet::new();
        for host in hosts {
            if !seen.insert(host.clone()) {
                continue;
            }
            match host.as_str().strip_prefix('*') {
                Some(suffix) => self.wildcards.push((suffix.to_owned(), index)),
                None => self.exact.entry(host).or_default().push(index),
            }
        }
        // Longest first; the sort is stable, so the order among equals stays.
        self.wildcards
            .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
    }

    /// Objects for a host with how well their host fits (more is better), the best and then the oldest first.
    fn find(&self, host: &Fqdn) -> impl Iterator<Item = (usize, &Arc<Object>)> {
        let exact = self
            .exact
            .get(host)
            .into_iter()
            .flatten()
            .map(|&index| (usize::MAX, index));
        let wild = self.wildcards.iter().filter(|(suffix, _)| {
            let suffix = suffix.as_str();
            // A rule's own `*.example.com` takes all hosts below it, also when a wildcard is looked up.
            host.as_str()
                .strip_prefix('*')
                .unwrap_or(host.as_str())
                .ends_with(suffix)
        });
        exact
            .chain(wild.map(|(suffix, index)| (suffix.len(), *index)))
            .map(|(fit, index)| (fit, &self.objects[index]))
    }
}

/// Where a VirtualService is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment<'a> {
    /// To the mesh's sidecars.
    Mesh,
    /// To a Gateway.
    Gateway {
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
    },
}

impl HostIndex {
    /// Objects that name a host, wildcards as they are written, in Istio's order.
    fn named<'s>(&'s self, host: &Fqdn) -> impl Iterator<Item = &'s Arc<Object>> + use<'s> {
        let mut found: Vec<usize> = match host.as_str().strip_prefix('*') {
            Some(suffix) => {
                let wildcards = self.wildcards.iter().filter(|(other, _)| other == suffix);
                wildcards.map(|(_, index)| *index).collect()
            }
            None => self.exact.get(host).cloned().unwrap_or_default(),
        };
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(|index| &self.objects[index])
    }
}

impl Snapshot {
    /// The VirtualServices for a host that proxies of a namespace see: the best fitting host first, among equals in
    /// Istio's order. Sidecars use the first one only; gateways put all rules one behind the other.
    pub fn virtual_services(
        &self,
        host: &Fqdn,
        client: &Namespace,
        attachment: Attachment<'_>,
    ) -> Vec<VirtualService<'_>> {
        let mut found: Vec<VirtualService<'_>> = Vec::new();
        for rule in self
            .virtual_services
            .find(host)
            .filter_map(|(_, object)| VirtualService::of(object))
        {
            let attached = match attachment {
                Attachment::Mesh => rule.is_for_mesh(),
                Attachment::Gateway { namespace, name } => rule.is_for_gateway(namespace, name),
            };
            let seen = found
                .iter()
                .any(|other| std::ptr::eq(other.object(), rule.object()));
            if attached && !seen && is_visible(rule.export_to(), rule.namespace(), client) {
                found.push(rule);
            }
        }
        found
    }

    /// The VirtualServices that name a host, wildcards as they are written, in Istio's order.
    pub fn virtual_services_named<'s>(
        &'s self,
        host: &Fqdn,
    ) -> impl Iterator<Item = VirtualService<'s>> + use<'s> {
        self.virtual_services
            .named(host)
            .filter_map(|object| VirtualService::of(object))
    }

    /// The DestinationRules of a namespace that name a host, wildcards as they are written, in Istio's order.
    pub fn destination_rules_named<'s>(
        &'s self,
        namespace: &Namespace,
        host: &Fqdn,
    ) -> impl Iterator<Item = DestinationRule<'s>> + use<'s> {
        let index = self.destination_rules.get(namespace);
        let found: Vec<&Arc<Object>> = index.map(|index| index.named(host).collect()).unwrap_or_default();
        found.into_iter().filter_map(|object| DestinationRule::of(object))
    }

    /// All VirtualServices that name a Gateway and that its namespace sees, in Istio's order.
    pub fn virtual_services_of_gateway(&self, namespace: &Namespace, name: &str) -> Vec<VirtualService<'_>> {
        self.all_virtual_services()
            .filter(|rule| rule.is_for_gateway(namespace.as_str(), name))
            .filter(|rule| is_visible(rule.export_to(), rule.namespace(), namespace))
            .collect()
    }

    /// All VirtualServices, in Istio's order: the oldest first, among equals by name and namespace.
    pub fn all_virtual_services(&self) -> impl Iterator<Item = VirtualService<'_>> {
        self.virtual_services
            .objects
            .iter()
            .filter_map(|object| VirtualService::of(object))
    }

    /// All DestinationRules, by namespace and in each in Istio's order.
    pub fn all_destination_rules(&self) -> impl Iterator<Item = DestinationRule<'_>> {
        let objects = self.destination_rules.values().flat_map(|index| &index.objects);
        objects.filter_map(|object| DestinationRule::of(object))
    }

    /// The rules in effect for a host at callers of a namespace. Rules that are for some workloads only
    /// (`workloadSelector`) are left out; see [`Snapshot::destination_rule_for`].
    pub fn destination_rule(&self, host: &Fqdn, client: &Namespace) -> Option<DestinationPolicy<'_>> {
        self.destination_rule_for(host, client, None)
    }

    /// The rules in effect for a host at a caller with these labels.
    ///
    /// Looked for in the caller's namespace, then the service's, then the root's; the first that has one decides.
    pub fn destination_rule_for(
        &self,
        host: &Fqdn,
        client: &Namespace,
        labels: Option<&Labels>,
    ) -> Option<DestinationPolicy<'_>> {
        let root = &self.settings.root_namespace;
        let own = (client != root).then_some(client);
        let service = self.any_service(host).map(|service| &service.namespace);
        let mut tried: Vec<&Namespace> = Vec::new();
        for namespace in own.into_iter().chain(service).chain([root]) {
            if tried.contains(&namespace) {
                continue;
            }
            tried.push(namespace);
            let Some(index) = self.destination_rules.get(namespace) else {
                continue;
            };
            let mut best = None;
            let mut rules: Vec<DestinationRule<'_>> = Vec::new();
            for (fit, object) in index.find(host) {
                let Some(rule) = DestinationRule::of(object) else {
                    continue;
                };
                let chosen = match rule.workload_selector() {
                    Some(selector) => {
                        namespace == client && labels.is_some_and(|labels| meets(&selector, labels))
                    }
                    None => true,
                };
                if !chosen || !is_visible(rule.export_to(), rule.namespace(), client) {
                    continue;
                }
                // Only rules for the same host are merged.
                if *best.get_or_insert(fit) != fit {
                    break;
                }
                rules.push(rule);
            }
            // A rule for some workloads counts before those for all.
            rules.sort_by_key(|rule| rule.workload_selector().is_none());
            if !rules.is_empty() {
                return Some(DestinationPolicy { rules });
            }
        }
        None
    }

    /// Names of the subsets that callers of a namespace can use, for a host as it is written there.
    pub fn subsets(&self, host: &str, client: &Namespace) -> Vec<SubsetName> {
        let policy = self.destination_rule(&self.resolve(host, client), client);
        policy
            .iter()
            .flat_map(DestinationPolicy::subsets)
            .map(|(_, subset)| subset.name().into())
            .collect()
    }

    /// Whether a gateway reference, written in an object of namespace `home`, names a Gateway that exists.
    pub fn gateway_exists(&self, written: &str, home: &Namespace) -> bool {
        self.gateways.iter().any(|gateway| {
            names_gateway(
                written,
                home.as_str(),
                gateway.namespace().as_str(),
                gateway.name(),
            )
        })
    }
}

/// Whether an `exportTo` list, written in namespace `home`, lets a namespace see the object.
pub(crate) fn is_visible<'a>(
    mut export_to: impl Iterator<Item = &'a str>,
    home: &Namespace,
    client: &Namespace,
) -> bool {
    let Some(first) = export_to.next() else {
        return true;
    };
    std::iter::once(first).chain(export_to).any(|name| match name {
        "*" => true,
        "." => home == client,
        name => *client == *name,
    })
}

/// The DestinationRules in effect for a host: usually one; several of one namespace are merged.
#[derive(Debug, Clone)]
pub struct DestinationPolicy<'a> {
    rules: Vec<DestinationRule<'a>>,
}

impl<'a> DestinationPolicy<'a> {
    /// The rules, the first that counts first. Never empty.
    pub fn rules(&self) -> &[DestinationRule<'a>] {
        &self.rules
    }

    /// Subsets with the rule that has them; of two with the same name the first counts.
    pub fn subsets(&self) -> Vec<(DestinationRule<'a>, Subset<'a>)> {
        let mut found: Vec<(DestinationRule<'a>, Subset<'a>)> = Vec::new();
        for &rule in &self.rules {
            for subset in rule.subsets() {
                if found.iter().all(|(_, other)| other.name() != subset.name()) {
                    found.push((rule, subset));
                }
            }
        }
        found
    }

    /// One subset.
    pub fn subset(&self, name: &str) -> Option<(DestinationRule<'a>, Subset<'a>)> {
        self.subsets()
            .into_iter()
            .find(|(_, subset)| subset.name() == name)
    }

    /// The policies for a port and a subset, those that count more first: a field is looked for in each in turn.
    ///
    /// Settings of a port stand in place of all others of their level, as in Istio.
    fn layers(&self, port: u16, subset: Option<&str>) -> Vec<(DestinationRule<'a>, TrafficPolicy<'a>)> {
        let mut layers = Vec::new();
        if let Some((rule, policy)) = subset
            .and_then(|name| self.subset(name))
            .and_then(|(rule, subset)| Some((rule, subset.traffic_policy()?)))
        {
            if let Some(of_port) = policy.of_port(port) {
                return vec![(rule, of_port)];
            }
            layers.push((rule, policy));
        }
        let top = self
            .rules
            .iter()
            .find_map(|&rule| Some((rule, rule.traffic_policy()?)));
        layers.extend(top.map(|(rule, policy)| (rule, policy.of_port(port).unwrap_or(policy))));
        layers
    }

    /// `loadBalancer` in effect, with the rule. The whole of it comes from one place, as in Istio.
    pub fn load_balancer(
        &self,
        port: u16,
        subset: Option<&str>,
    ) -> Option<(DestinationRule<'a>, LoadBalancer<'a>)> {
        self.find(port, subset, TrafficPolicy::load_balancer)
    }

    /// `tls.mode` in effect, with the rule and the place; `None`: the mesh decides (auto mTLS).
    pub fn tls_mode(
        &self,
        port: u16,
        subset: Option<&str>,
    ) -> Option<(TlsMode, DestinationRule<'a>, Node<'a>)> {
        self.layers(port, subset).into_iter().find_map(|(rule, policy)| {
            let (mode, node) = policy.tls_mode()?;
            Some((mode, rule, node))
        })
    }

    /// `tls` in effect, with the rule.
    pub fn tls(&self, port: u16, subset: Option<&str>) -> Option<(DestinationRule<'a>, ClientTls<'a>)> {
        self.find(port, subset, TrafficPolicy::tls)
    }

    /// `connectionPool` in effect, with the rule. The whole of it comes from one place, as in Istio.
    pub fn connection_pool(
        &self,
        port: u16,
        subset: Option<&str>,
    ) -> Option<(DestinationRule<'a>, ConnectionPoolSettings<'a>)> {
        self.find(port, subset, TrafficPolicy::connection_pool)
    }

    /// `outlierDetection` in effect, with the rule. The whole of it comes from one place, as in Istio.
    pub fn outlier_detection(
        &self,
        port: u16,
        subset: Option<&str>,
    ) -> Option<(DestinationRule<'a>, OutlierDetection<'a>)> {
        self.find(port, subset, TrafficPolicy::outlier_detection)
    }

    fn find<T>(
        &self,
        port: u16,
        subset: Option<&str>,
        part: impl Fn(TrafficPolicy<'a>) -> Option<T>,
    ) -> Option<(DestinationRule<'a>, T)> {
        let layers = self.layers(port, subset);
        layers
            .into_iter()
            .find_map(|(rule, policy)| Some((rule, part(policy)?)))
    }
}
