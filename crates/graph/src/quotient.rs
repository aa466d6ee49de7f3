//! Views as quotients of the finest one: nodes merge, counts and buckets add, shares and quantiles come last.

use std::collections::BTreeMap;

use vigla_model::{ClusterName, Fqdn, Namespace, Version};

use crate::{Edge, Grain, Health, Id, Node, NodeKind, Side, View, boxes, health, id};

/// The view of the finest one at a coarser grain.
///
/// Needs nothing but the finest view, so the browser switches without asking. In the service view a workload gives
/// way to the service by whose name it is called; where it has several, its own calls start at the first by name.
#[must_use]
pub fn quotient(finest: &View, grain: Grain) -> View {
    debug_assert_eq!(
        finest.grain,
        Grain::Finest,
        "a coarser view has lost what this one needs"
    );
    merge(finest, grain).view
}

/// A coarser view, and what became of the finest edges.
pub(crate) struct Merged {
    pub(crate) view: View,
    /// Finest edges, in order, and what each is part of.
    pub(crate) became: Vec<(Id, Id)>,
}

pub(crate) fn merge(finest: &View, grain: Grain) -> Merged {
    if grain == Grain::Finest {
        return Merged {
            view: finest.clone(),
            became: finest.edges.keys().map(|id| (*id, *id)).collect(),
        };
    }
    let stands_for = if grain == Grain::Service {
        services_of(finest)
    } else {
        BTreeMap::new()
    };
    let mut classes = Classes::default();
    let became: BTreeMap<Id, Id> = finest
        .nodes
        .values()
        .map(|node| {
            let class = stands_for
                .get(&node.id)
                .map_or_else(|| class(node, grain), |host| service_node(host, node));
            (node.id, classes.join(class, node))
        })
        .collect();
    let mut edges = BTreeMap::new();
    let mut edges_became = Vec::with_capacity(finest.edges.len());
    for edge in finest.edges.values() {
        let (Some(source), Some(mut target)) = (became.get(&edge.source), became.get(&edge.target).copied())
        else {
            debug_assert!(false, "edge {} has an end that is no node", edge.id);
            continue;
        };
        let callee = &finest.nodes[&edge.target];
        if let Some(host) = edge.services.first()
            && stands_for.contains_key(&callee.id)
        {
            target = classes.join(service_node(host, callee), callee);
        }
        let id = id::edge(*source, target, edge.protocol, None);
        edges_became.push((edge.id, id));
        let merged = edges
            .entry(id)
            .or_insert_with(|| Edge::new(id, *source, target, edge.protocol));
        merge_edge(merged, edge);
    }
    let (at, window) = (finest.at, finest.window);
    let mut view = View {
        grain,
        at,
        window,
        nodes: classes.merge(),
        edges,
        boxes: BTreeMap::new(),
    };
    health::settle(&mut view);
    boxes::draw(&mut view);
    Merged {
        view,
        became: edges_became,
    }
}

/// The service that stands for each workload in the service view: the first by name under which it is called.
fn services_of(finest: &View) -> BTreeMap<Id, &Fqdn> {
    let mut services: BTreeMap<Id, &Fqdn> = BTreeMap::new();
    for edge in finest.edges.values() {
        if finest
            .nodes
            .get(&edge.target)
            .is_some_and(|callee| callee.kind == NodeKind::Workload)
        {
            for host in &edge.services {
                let first = services.entry(edge.target).or_insert(host);
                *first = host.min(first);
            }
        }
    }
    services
}

/// What a node becomes at a grain, without its numbers. Gateways, outside hosts and unknown ends stay what they are.
fn class(node: &Node, grain: Grain) -> Node {
    let (kind, version) = match grain {
        Grain::App => (NodeKind::App, None),
        Grain::VersionedApp => (NodeKind::VersionedApp, node.version.clone()),
        Grain::Finest | Grain::Workload | Grain::Service => return node.clone(),
    };
    let (Some(app), NodeKind::Workload) = (&node.app, node.kind) else {
        return node.clone();
    };
    let cluster = node.cluster.as_ref().map(ClusterName::as_str);
    let namespace = node.namespace.as_ref().map(Namespace::as_str);
    let id = id::node(
        kind,
        cluster,
        namespace,
        app.as_str(),
        version.as_ref().map(Version::as_str),
    );
    let (namespace, app) = (node.namespace.clone(), node.app.clone());
    Node {
        namespace,
        app,
        version,
        ..Node::new(id, kind)
    }
}

/// The node of a service that a workload is behind: the same node at which requests end that reached no workload.
fn service_node(host: &Fqdn, callee: &Node) -> Node {
    let id = id::node(NodeKind::Service, None, None, host.as_str(), None);
    let written = host.service_parts().map(|(_, namespace)| namespace.into());
    let namespace = written.or_else(|| callee.namespace.clone());
    Node {
        namespace,
        service: Some(host.clone()),
        ..Node::new(id, NodeKind::Service)
    }
}

/// Coarser nodes and the finest ones that each is made of.
#[derive(Default)]
struct Classes<'a>(BTreeMap<Id, (Node, BTreeMap<Id, &'a Node>)>);

impl<'a> Classes<'a> {
    fn join(&mut self, class: Node, member: &'a Node) -> Id {
        let id = class.id;
        let (_, members) = self.0.entry(id).or_insert_with(|| (class, BTreeMap::new()));
        members.insert(member.id, member);
        id
    }

    fn merge(self) -> BTreeMap<Id, Node> {
        self.0
            .into_iter()
            .map(|(id, (class, members))| (id, merge_node(class, &members)))
            .collect()
    }
}

fn merge_node(mut node: Node, members: &BTreeMap<Id, &Node>) -> Node {
    let all = || members.values();
    let first = all().next().and_then(|member| member.cluster.clone());
    node.cluster = first.filter(|cluster| all().all(|member| member.cluster.as_ref() == Some(cluster)));
    node.badges = all().flat_map(|member| &member.badges).copied().collect();
    // One member without sidecar is enough for traffic that nobody counts.
    node.sidecar = all().filter_map(|member| member.sidecar).reduce(|a, b| a && b);
    node.replicas = all()
        .filter_map(|member| member.replicas)
        .reduce(|a, b| (a.0 + b.0, a.1 + b.1));
    (node.inbound, node.outbound) = (Side::default(), Side::default());
    node.health = Health::UNKNOWN;
    node
}

/// Merges a finest edge into the edge between what its ends became.
pub(crate) fn merge_edge(edge: &mut Edge, member: &Edge) {
    edge.services.add(&member.services);
    edge.add(member);
}

#[cfg(test)]
mod tests;
