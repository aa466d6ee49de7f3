//! Objects: documents with apiVersion, kind and name.

use std::{collections::BTreeMap, sync::Arc};

use vigla_model::{Labels, Location, Namespace, ObjectRef, Origin};

use crate::document::{Document, Node, NodeId, ReadError, Trouble, read_documents};

/// One object of the mesh's config, with the document that it was read from.
#[derive(Debug)]
pub struct Object {
    document: Arc<Document>,
    root: NodeId,
    /// Whether it is one of several in a `kind: List`.
    listed: bool,
    reference: ObjectRef,
    api_version: Arc<str>,
    namespace: Namespace,
    labels: Labels,
    annotations: Labels,
}

/// What was found in a file.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    /// Objects in order of the text; those of `kind: List` one by one.
    pub objects: Vec<Arc<Object>>,
    /// What is wrong with the rest.
    pub errors: Vec<ReadError>,
}

/// Kinds of the whole cluster that a mesh has to do with. All others are in a namespace.
const CLUSTER_KINDS: [&str; 12] = [
    "Namespace",
    "Node",
    "PersistentVolume",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "IngressClass",
    "StorageClass",
    "PriorityClass",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Repeated keys of one document that are told: with more, its text was put together wrongly as a whole.
const MOST_REPEATED: usize = 200;

/// Reads the objects of a text. Documents that are no objects, and repeated keys, are errors at their place.
pub fn read_objects(file: &str, text: &str) -> Objects {
    let found = read_documents(file, text);
    let mut objects = Objects {
        objects: Vec::new(),
        errors: found.errors,
    };
    for mut document in found.documents {
        objects
            .errors
            .extend(document.duplicates().take(MOST_REPEATED).map(|node| {
                let key = node.key().unwrap_or_default();
                let message = format!("`{key}` stands twice in the same mapping; keep one");
                error_at(node, Trouble::RepeatedKey, message)
            }));
        let items = document.open_list();
        let document = Arc::new(document);
        let listed = items.is_some();
        for root in items.unwrap_or_else(|| vec![0]) {
            match Object::new(&document, root, listed) {
                Ok(object) => objects.objects.push(Arc::new(object)),
                Err(error) => objects.errors.push(error),
            }
        }
    }
    objects
        .errors
        .sort_by_key(|error| (error.place.line, error.place.column));
    objects
}

fn error_at(node: Node<'_>, trouble: Trouble, message: String) -> ReadError {
    let mut place = node.location();
    if let Some(key) = node.key_span() {
        (place.line, place.column) = (key.line, key.column);
    }
    ReadError {
        trouble,
        place,
        message,
    }
}

impl Object {
    fn new(document: &Arc<Document>, root: NodeId, listed: bool) -> Result<Self, ReadError> {
        let node = document.node(root);
        let metadata = node.get("metadata");
        let required = |holder: Option<Node<'_>>, key: &str, path: &str| {
            holder
                .and_then(|holder| holder.get(key))
                .and_then(Node::text)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .ok_or_else(|| {
                    let message = format!("an object needs `{path}`");
                    error_at(holder.unwrap_or(node), Trouble::NoObject, message)
                })
        };
        let api_version = required(Some(node), "apiVersion", "apiVersion")?;
        let kind = required(Some(node), "kind", "kind")?;
        let name = required(metadata, "name", "metadata.name")?;
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let namespace = if CLUSTER_KINDS.contains(&kind.as_str()) {
            ""
        } else {
            metadata
                .and_then(|metadata| metadata.get("namespace")?.text())
                .unwrap_or("default")
        };
        let map = |key: &str| {
            metadata
                .and_then(|metadata| metadata.get(key))
                .map_or_else(BTreeMap::new, Node::string_map)
        };
        Ok(Self {
            reference: ObjectRef::new(group, &kind, namespace, &name),
            namespace: namespace.into(),
            labels: map("labels"),
            annotations: map("annotations"),
            api_version: api_version.into(),
            document: Arc::clone(document),
            root,
            listed,
        })
    }

    /// Group, kind, namespace and name.
    pub fn object_ref(&self) -> &ObjectRef {
        &self.reference
    }

    /// Group and version, such as `networking.istio.io/v1`.
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    /// API group; empty for the core group.
    pub fn group(&self) -> &str {
        &self.reference.group
    }

    /// Kind, such as `VirtualService`.
    pub fn kind(&self) -> &str {
        &self.reference.kind
    }

    /// Name.
    pub fn name(&self) -> &str {
        &self.reference.name
    }

    /// Namespace, `default` when none is written; empty for objects of the whole cluster.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// `metadata.labels`.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// `metadata.annotations`.
    pub fn annotations(&self) -> &Labels {
        &self.annotations
    }

    /// The object as a tree.
    pub fn root(&self) -> Node<'_> {
        self.document.node(self.root)
    }

    /// `spec`, when there is one.
    pub fn spec(&self) -> Option<Node<'_>> {
        self.root().get("spec")
    }

    /// The document that holds it.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Its text as written: the document, or the item of a `kind: List`.
    pub fn text(&self) -> &str {
        if self.listed {
            self.root().source()
        } else {
            self.document.source()
        }
    }

    /// Line of the file at which [`Object::text`] starts, from 1.
    pub fn first_line(&self) -> u32 {
        if self.listed {
            self.root().span().line
        } else {
            self.document.first_line()
        }
    }

    /// Where the object starts.
    pub fn location(&self) -> Location {
        self.root().location()
    }

    /// The object as the origin of something.
    pub fn origin(&self) -> Origin {
        self.origin_of(self.root())
    }

    /// One of its fields as the origin of something. The place is that of the value.
    pub fn origin_of(&self, node: Node<'_>) -> Origin {
        Origin {
            object: self.reference.clone(),
            path: node.path().to_string().into(),
            location: Some(node.location()),
        }
    }

    /// `metadata.creationTimestamp` as written; RFC 3339 in UTC, so it sorts as text. Files seldom have it.
    pub fn created(&self) -> Option<&str> {
        self.root().get("metadata")?.get("creationTimestamp")?.text()
    }

    /// Whether both say the same, wherever they stand and however they are indented.
    pub fn same_content(&self, other: &Self) -> bool {
        self.root().same_content(other.root())
    }
}

#[cfg(test)]
mod tests;
