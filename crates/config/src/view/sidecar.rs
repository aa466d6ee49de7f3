//! Sidecar: here, what becomes of calls to hosts that nobody registered.

use std::fmt;

use vigla_model::{Labels, Namespace, Origin};

use super::{NETWORKING, is_kind, selector};
use crate::{Node, Object};

/// What becomes of calls to hosts that nobody registered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutboundMode {
    /// They go where the caller wanted.
    #[default]
    AllowAny,
    /// They are refused.
    RegistryOnly,
}

impl OutboundMode {
    /// Reads an `outboundTrafficPolicy`. One without mode means REGISTRY_ONLY, as in Istio; an unknown word is `None`:
    /// the wider policy decides.
    pub(crate) fn of(policy: Node<'_>) -> Option<Self> {
        match policy.get("mode").and_then(Node::text) {
            None | Some("REGISTRY_ONLY") => Some(Self::RegistryOnly),
            Some("ALLOW_ANY") => Some(Self::AllowAny),
            Some(_) => None,
        }
    }
}

/// A Sidecar.
#[derive(Clone, Copy)]
pub struct Sidecar<'a> {
    object: &'a Object,
}

impl<'a> Sidecar<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        is_kind(object, NETWORKING, "Sidecar").then_some(Self { object })
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
    pub fn workload_selector(self) -> Option<Labels> {
        selector(self.object.spec()?.get("workloadSelector")?.get("labels"))
    }

    /// `outboundTrafficPolicy`, with its place; `None`: it does not say.
    pub fn outbound(self) -> Option<(OutboundMode, Node<'a>)> {
        let policy = self.object.spec()?.get("outboundTrafficPolicy")?;
        let policy = (!policy.is_null()).then_some(policy)?;
        Some((OutboundMode::of(policy)?, policy.get("mode").unwrap_or(policy)))
    }
}

impl fmt::Debug for Sidecar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.object.object_ref(), f)
    }
}
