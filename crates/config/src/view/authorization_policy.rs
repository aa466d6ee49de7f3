//! AuthorizationPolicy: who may call a workload, and what.

use std::fmt;

use vigla_model::{Labels, Namespace, Origin};

use super::{SECURITY, is_kind, part::part, selector, strings};
use crate::{Node, Object};

/// An AuthorizationPolicy.
#[derive(Clone, Copy)]
pub struct AuthorizationPolicy<'a> {
    object: &'a Object,
}

impl<'a> AuthorizationPolicy<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        is_kind(object, SECURITY, "AuthorizationPolicy").then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// Its namespace; the root namespace means the whole mesh.
    pub fn namespace(self) -> &'a Namespace {
        self.object.namespace()
    }

    /// One of its fields as the origin of something.
    pub fn origin(self, node: Node<'_>) -> Origin {
        self.object.origin_of(node)
    }

    /// Labels of the pods for which it is; `None`: the whole namespace, or the mesh.
    pub fn selector(self) -> Option<Labels> {
        selector(self.object.spec()?.get("selector")?.get("matchLabels"))
    }

    /// Whether it names what it is for in another way (`targetRef`, `targetRefs`): gateways of the Gateway API.
    pub fn has_targets(self) -> bool {
        let spec = self.object.spec();
        ["targetRef", "targetRefs"]
            .into_iter()
            .any(|key| spec.is_some_and(|spec| spec.get(key).is_some_and(|node| !node.is_null())))
    }

    /// Action as written: `ALLOW` (also when nothing is), `DENY`, `AUDIT` or `CUSTOM`.
    pub fn action(self) -> &'a str {
        self.object
            .spec()
            .and_then(|spec| spec.get("action")?.text())
            .unwrap_or("ALLOW")
    }

    /// Rules in order; none: the policy never matches.
    pub fn rules(self) -> impl Iterator<Item = AuthorizationRule<'a>> {
        let rules = self.object.spec().and_then(|spec| spec.get("rules"));
        rules.into_iter().flat_map(Node::items).map(AuthorizationRule)
    }
}

impl fmt::Debug for AuthorizationPolicy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}

part!(
    /// One rule: one of `from`, one of `to` and all of `when` must hold.
    AuthorizationRule
);

impl<'a> AuthorizationRule<'a> {
    /// The `source` of each entry of `from`.
    pub fn sources(self) -> impl Iterator<Item = Node<'a>> {
        self.entries("from", "source")
    }

    /// The `operation` of each entry of `to`.
    pub fn operations(self) -> impl Iterator<Item = Node<'a>> {
        self.entries("to", "operation")
    }

    fn entries(self, list: &str, key: &str) -> impl Iterator<Item = Node<'a>> {
        let entries = self.field(list).into_iter().flat_map(Node::items);
        entries.map(move |entry| entry.get(key).unwrap_or(entry))
    }

    /// The conditions of `when`: key, `values`, `notValues`, and the place.
    pub fn conditions(self) -> impl Iterator<Item = (&'a str, Vec<&'a str>, Vec<&'a str>, Node<'a>)> {
        let conditions = self.field("when").into_iter().flat_map(Node::items);
        let list = |node, key| strings(Some(node), key).filter_map(Node::text).collect();
        conditions.map(move |node| {
            let key = node.get("key").and_then(Node::text).unwrap_or_default();
            (key, list(node, "values"), list(node, "notValues"), node)
        })
    }
}
