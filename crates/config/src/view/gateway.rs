//! Gateway: where traffic enters the mesh.

use std::fmt;

use vigla_model::{Labels, Namespace, Origin};

use super::{NETWORKING, is_kind, selector, strings};
use crate::{Node, Object};

/// A Gateway of Istio.
#[derive(Clone, Copy)]
pub struct Gateway<'a> {
    object: &'a Object,
}

impl<'a> Gateway<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        is_kind(object, NETWORKING, "Gateway").then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// Its namespace.
    pub fn namespace(self) -> &'a Namespace {
        self.object.namespace()
    }

    /// One of its fields as the origin of something.
    pub fn origin(self, node: Node<'_>) -> Origin {
        self.object.origin_of(node)
    }

    /// Labels of the pods that it configures; `None`: none is written, and it configures all gateways.
    pub fn selector(self) -> Option<Labels> {
        selector(self.object.spec()?.get("selector"))
    }

    /// Servers in order.
    pub fn servers(self) -> impl Iterator<Item = Server<'a>> {
        let servers = self.object.spec().and_then(|spec| spec.get("servers"));
        servers.into_iter().flat_map(Node::items).map(Server)
    }
}

impl fmt::Debug for Gateway<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}

/// One server of a gateway.
#[derive(Debug, Clone, Copy)]
pub struct Server<'a>(Node<'a>);

impl<'a> Server<'a> {
    /// The part of the text.
    pub fn node(self) -> Node<'a> {
        self.0
    }

    /// Port.
    pub fn port(self) -> Option<u16> {
        self.0.get("port")?.get("number")?.as_port()
    }

    /// Name of the port.
    pub fn port_name(self) -> Option<&'a str> {
        self.0.get("port")?.get("name")?.text()
    }

    /// Protocol as written, such as `HTTP` or `HTTPS`.
    pub fn protocol(self) -> Option<&'a str> {
        self.0.get("port")?.get("protocol")?.text()
    }

    /// Hosts as written: `host`, `*`, `*.suffix`, or with `namespace/` in front.
    pub fn hosts(self) -> impl Iterator<Item = Node<'a>> {
        strings(Some(self.0), "hosts")
    }

    /// TLS.
    pub fn tls(self) -> Option<ServerTls<'a>> {
        self.0.get("tls").map(ServerTls)
    }
}

/// `tls` of a server.
#[derive(Debug, Clone, Copy)]
pub struct ServerTls<'a>(Node<'a>);

impl<'a> ServerTls<'a> {
    /// The part of the text.
    pub fn node(self) -> Node<'a> {
        self.0
    }

    /// Mode as written, such as `SIMPLE` or `ISTIO_MUTUAL`.
    pub fn mode(self) -> Option<&'a str> {
        self.0.get("mode")?.text()
    }

    /// Name of the secret with key and chain.
    pub fn credential_name(self) -> Option<&'a str> {
        self.0.get("credentialName")?.text()
    }

    /// Whether plain requests are sent to https.
    pub fn https_redirect(self) -> bool {
        self.0
            .get("httpsRedirect")
            .and_then(Node::as_bool)
            .unwrap_or(false)
    }
}
