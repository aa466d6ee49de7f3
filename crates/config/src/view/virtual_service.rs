//! VirtualService: how requests to hosts are routed.

use std::fmt;

use vigla_model::{Namespace, Origin};

use super::{Destination, HttpRule, NETWORKING, TcpRule, export_to, is_kind, strings};
use crate::{Node, Object};

/// A VirtualService.
#[derive(Clone, Copy)]
pub struct VirtualService<'a> {
    object: &'a Object,
}

impl<'a> VirtualService<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        is_kind(object, NETWORKING, "VirtualService").then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// Its namespace: short hosts are resolved in it.
    pub fn namespace(self) -> &'a Namespace {
        self.object.namespace()
    }

    /// One of its fields as the origin of something.
    pub fn origin(self, node: Node<'_>) -> Origin {
        self.object.origin_of(node)
    }

    /// Hosts as written: names, or with `*` in front.
    pub fn hosts(self) -> impl Iterator<Item = Node<'a>> {
        strings(self.object.spec(), "hosts")
    }

    /// Gateways as written (`name`, `namespace/name` or `mesh`); none means `mesh`.
    pub fn gateways(self) -> impl Iterator<Item = Node<'a>> {
        strings(self.object.spec(), "gateways")
    }

    /// Namespaces that see it, such as `.` or `*`; none means all.
    pub fn export_to(self) -> impl Iterator<Item = &'a str> {
        export_to(self.object)
    }

    /// HTTP rules in order.
    pub fn http(self) -> impl Iterator<Item = HttpRule<'a>> {
        let rules = self.object.spec().and_then(|spec| spec.get("http"));
        rules.into_iter().flat_map(Node::items).map(HttpRule::of)
    }

    /// TCP rules in order.
    pub fn tcp(self) -> impl Iterator<Item = TcpRule<'a>> {
        let rules = self.object.spec().and_then(|spec| spec.get("tcp"));
        rules.into_iter().flat_map(Node::items).map(TcpRule::of)
    }

    /// Rules for TLS that is passed through, in order.
    pub fn tls(self) -> impl Iterator<Item = TcpRule<'a>> {
        let rules = self.object.spec().and_then(|spec| spec.get("tls"));
        rules.into_iter().flat_map(Node::items).map(TcpRule::of)
    }

    /// Every destination that it names, in rules of all protocols and their mirrors.
    pub fn destinations(self) -> impl Iterator<Item = Destination<'a>> {
        let list = |rule: Node<'a>, key: &str| rule.get(key).into_iter().flat_map(Node::items);
        ["http", "tls", "tcp"]
            .into_iter()
            .filter_map(move |protocol| self.object.spec()?.get(protocol))
            .flat_map(Node::items)
            .flat_map(move |rule| {
                list(rule, "route")
                    .chain(list(rule, "mirrors"))
                    .filter_map(|route| route.get("destination"))
                    .chain(rule.get("mirror"))
                    .map(Destination::of)
            })
    }

    /// Whether it holds for sidecars, and not only for gateways.
    pub fn is_for_mesh(self) -> bool {
        let mut gateways = self.gateways().peekable();
        gateways.peek().is_none() || gateways.any(|gateway| gateway.text() == Some("mesh"))
    }

    /// Whether it names this gateway.
    pub fn is_for_gateway(self, namespace: &str, name: &str) -> bool {
        self.gateways()
            .filter_map(Node::text)
            .any(|written| names_gateway(written, self.namespace().as_str(), namespace, name))
    }
}

impl fmt::Debug for VirtualService<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}

/// Whether `name`, `namespace/name` or `./name`, written in an object of namespace `home`, names a gateway.
pub(crate) fn names_gateway(written: &str, home: &str, namespace: &str, name: &str) -> bool {
    let (written_namespace, written_name) = written.split_once('/').unwrap_or((home, written));
    let written_namespace = if written_namespace == "." {
        home
    } else {
        written_namespace
    };
    written != "mesh" && written_name == name && written_namespace == namespace
}
