//! Objects of the mesh's config and places in their text.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Names one object of the mesh's config.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// API group without version, such as `networking.istio.io`; empty for the core group.
    pub group: Arc<str>,
    /// Kind, such as `VirtualService`.
    pub kind: Arc<str>,
    /// Namespace; empty for objects of the whole cluster.
    pub namespace: Arc<str>,
    /// Name within kind and namespace.
    pub name: Arc<str>,
}

impl ObjectRef {
    /// Names an object from its four parts.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectRef {
    /// `VirtualService bookinfo/reviews`, or `Namespace bookinfo` where there is no namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// A place in a YAML or JSON text. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The file as the user knows it (relative to what was opened); `-` for text without a name.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Where a part of a plan comes from: the object, the field and, when the text is at hand, the line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The object that decides.
    pub object: ObjectRef,
    /// The field in it, such as `spec.http[0].route[1]`; empty for the object as a whole.
    pub path: Arc<str>,
    /// The place in its text; `None` for objects that came from a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}
