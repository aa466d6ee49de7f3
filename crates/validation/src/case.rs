//! What a rule looks at: one object in its mesh.

use vigla_config::{Node, Object};
use vigla_model::Namespace;

use crate::mesh::Mesh;

/// One object, and the mesh that it is in.
pub(crate) struct Case<'a> {
    pub(crate) mesh: &'a Mesh<'a>,
    pub(crate) object: &'a Object,
}

impl<'a> Case<'a> {
    pub(crate) fn spec(&self) -> Option<Node<'a>> {
        self.object.spec()
    }

    pub(crate) fn namespace(&self) -> &'a Namespace {
        self.object.namespace()
    }

    /// The items of a list below `spec`.
    pub(crate) fn items(&self, key: &str) -> impl Iterator<Item = Node<'a>> + use<'a> {
        items(self.spec(), key)
    }
}

/// The items of a list in a mapping; none when it is absent.
pub(crate) fn items<'a>(parent: Option<Node<'a>>, key: &str) -> impl Iterator<Item = Node<'a>> + use<'a> {
    parent
        .and_then(|parent| parent.get(key))
        .into_iter()
        .flat_map(Node::items)
}

/// The value that a way of keys leads to, such as `tls.mode`; `None` when a part is absent or null.
pub(crate) fn at<'a>(node: Node<'a>, keys: &str) -> Option<Node<'a>> {
    keys.split('.')
        .try_fold(node, Node::get)
        .filter(|node| !node.is_null())
}
