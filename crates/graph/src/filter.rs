//! What one caller gets of a view: the namespaces asked for, and no name outside of what the caller may read.

use std::collections::BTreeSet;

use vigla_model::{Namespace, Principal, Scope};

use crate::{Edge, Grain, Id, Node, NodeKind, Side, View, Why, boxes, id};

impl View {
    /// The edges with at least one end in these namespaces (`None`: in any that the caller may read), with both
    /// their ends, and the nodes of these namespaces.
    ///
    /// Ends that the caller may not read become one nameless node of kind unknown: not even their number or a hash
    /// of their names is told.
    #[must_use]
    pub fn filter(&self, scope: &Scope, namespaces: Option<&BTreeSet<Namespace>>) -> Self {
        let wanted = |node: &Node| {
            let asked = |namespace: &Namespace| namespaces.is_none_or(|set| set.contains(namespace));
            match &node.namespace {
                Some(namespace) => scope.allows(namespace.as_str()) && asked(namespace),
                None => *scope == Scope::All && namespaces.is_none(),
            }
        };
        let core: BTreeSet<Id> = self
            .nodes
            .values()
            .filter(|node| wanted(node))
            .map(|node| node.id)
            .collect();
        let censor = Censor { scope, view: self };
        let mut view = self.frame();
        for edge in self.edges.values() {
            if core.contains(&edge.source) || core.contains(&edge.target) {
                let edge = censor.edge(edge);
                for id in [edge.source, edge.target] {
                    view.nodes.entry(id).or_insert_with(|| censor.node(id));
                }
                // Edges to several hidden ends are one.
                match view.edges.get_mut(&edge.id) {
                    Some(have) => have.add(&edge),
                    None => drop(view.edges.insert(edge.id, edge)),
                }
            }
        }
        for id in core {
            view.nodes.entry(id).or_insert_with(|| censor.node(id));
        }
        boxes::draw(&mut view);
        view
    }
}

/// The one node that stands for all that the caller may not read.
pub(crate) fn hidden() -> Id {
    id::node(NodeKind::Unknown, None, None, "hidden", None)
}

struct Censor<'a> {
    scope: &'a Scope,
    view: &'a View,
}

impl Censor<'_> {
    /// Whether the caller may know a node. Outside hosts and unknown ends are known to whoever talks with them.
    fn shows(&self, node: &Node) -> bool {
        node.namespace
            .as_ref()
            .is_none_or(|namespace| self.scope.allows(namespace.as_str()))
    }

    fn node(&self, id: Id) -> Node {
        let Some(node) = self.view.nodes.get(&id).filter(|node| self.shows(node)) else {
            return Node::new(hidden(), NodeKind::Unknown);
        };
        let mut node = node.clone();
        node.guess
            .take_if(|guess| !self.scope.allows(guess.namespace.as_str()));
        self.side(&mut node.inbound);
        self.side(&mut node.outbound);
        node
    }

    fn edge(&self, edge: &Edge) -> Edge {
        let mut edge = edge.clone();
        let shows = |id: Id| self.view.nodes.get(&id).is_some_and(|node| self.shows(node));
        let (source, target) = (shows(edge.source), shows(edge.target));
        // A host in a namespace names it; hosts outside of the mesh stay with ends that stay.
        edge.services.retain(|host| match host.service_parts() {
            Some((_, namespace)) => self.scope.allows(namespace),
            None => target,
        });
        for side in [&mut edge.by_source, &mut edge.by_destination]
            .into_iter()
            .flatten()
        {
            self.side(side);
        }
        self.side(&mut edge.shown);
        edge.why.retain(|why| self.tells_nothing_hidden(why));
        if !(source && target) {
            edge.source = if source { edge.source } else { hidden() };
            edge.target = if target { edge.target } else { hidden() };
            let service = edge.services.first().filter(|_| self.view.grain == Grain::Finest);
            edge.id = id::edge(edge.source, edge.target, edge.protocol, service);
        }
        edge
    }

    /// A cause names its object in words too, so it goes as a whole.
    fn tells_nothing_hidden(&self, why: &Why) -> bool {
        *self.scope == Scope::All
            || why
                .object
                .as_ref()
                .is_some_and(|object| self.scope.allows(&object.namespace))
    }

    fn side(&self, side: &mut Side) {
        let allowed = |principal: &Principal| self.scope.allows(principal.namespace());
        side.source_principals.retain(allowed);
        side.destination_principals.retain(allowed);
    }
}

#[cfg(test)]
mod tests;
