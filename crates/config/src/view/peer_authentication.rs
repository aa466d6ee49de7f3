//! PeerAuthentication: whether callers must show a certificate of the mesh.

use std::fmt;

use vigla_model::{Labels, Namespace, Origin};

use super::{SECURITY, is_kind, selector};
use crate::{Node, Object};

/// What a workload takes from callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MtlsMode {
    /// Plain text only.
    Disable,
    /// Both.
    Permissive,
    /// The mesh's mutual TLS only.
    Strict,
}

impl MtlsMode {
    /// Istio's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "DISABLE",
            Self::Permissive => "PERMISSIVE",
            Self::Strict => "STRICT",
        }
    }

    /// Reads a `mode`; `UNSET` and unknown words are `None`: the wider policy decides.
    fn of(node: Node<'_>) -> Option<Self> {
        [Self::Disable, Self::Permissive, Self::Strict]
            .into_iter()
            .find(|mode| node.text() == Some(mode.as_str()))
    }
}

impl fmt::Display for MtlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A PeerAuthentication.
#[derive(Clone, Copy)]
pub struct PeerAuthentication<'a> {
    object: &'a Object,
}

impl<'a> PeerAuthentication<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        is_kind(object, SECURITY, "PeerAuthentication").then_some(Self { object })
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

    /// Labels of the pods for which it is; `None`: the whole namespace, or the mesh.
    pub fn selector(self) -> Option<Labels> {
        selector(self.object.spec()?.get("selector")?.get("matchLabels"))
    }

    /// `mtls.mode`, with its place; `None` when it is unset.
    pub fn mode(self) -> Option<(MtlsMode, Node<'a>)> {
        let node = self.object.spec()?.get("mtls")?.get("mode")?;
        Some((MtlsMode::of(node)?, node))
    }

    /// `portLevelMtls` for a container's port, with its place; `None` when it is unset.
    pub fn port_mode(self, port: u16) -> Option<(MtlsMode, Node<'a>)> {
        let ports = self.object.spec()?.get("portLevelMtls")?;
        let node = ports.get(&port.to_string())?.get("mode")?;
        Some((MtlsMode::of(node)?, node))
    }
}

impl fmt::Debug for PeerAuthentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}
