//! What is wrong with the mesh's config.

use serde::{Deserialize, Serialize};

use crate::Place;

/// Findings of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Findings {
    /// What was found, by place and code.
    pub findings: Vec<Finding>,
    /// Objects that were looked at.
    pub objects: usize,
    /// Files that were read.
    pub files: usize,
    /// Findings that annotations of their objects left out.
    pub suppressed: usize,
    /// Codes of rules that had no evidence to judge by.
    pub not_checked: Vec<String>,
}

/// One thing that is wrong with the mesh's config.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Code, such as `VG1004`.
    pub code: String,
    /// Name of the rule, such as `unknown-subset`.
    pub name: String,
    /// Which of the rule's conditions, where it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `error`, `warning` or `info`.
    pub severity: String,
    /// `proved` or `likely`.
    pub confidence: String,
    /// What is wrong.
    pub message: String,
    /// What it does to traffic.
    pub consequence: String,
    /// The object; absent for a text that is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<FindingObject>,
    /// Where.
    pub place: Place,
    /// What else has to do with it.
    pub related: Vec<RelatedPlace>,
    /// How to mend it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// Codes of Kiali and `istioctl analyze` for the same condition.
    pub peers: Vec<String>,
}

/// The object of a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingObject {
    /// API group; empty for the core group.
    pub group: String,
    /// Version of the API.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for objects of the whole cluster.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Kubernetes cluster.
    pub cluster: String,
}

/// Another place that has to do with a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RelatedPlace {
    /// The object.
    pub object: crate::ObjectRef,
    /// The place in it.
    pub place: Place,
    /// What it has to do with it.
    pub message: String,
}

/// A way to mend a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Fix {
    /// What it does.
    pub title: String,
    /// Changes of text, in order; they do not overlap.
    pub edits: Vec<TextEdit>,
}

/// Text in place of other text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TextEdit {
    /// File.
    pub file: String,
    /// Where the old text starts.
    pub start: TextPoint,
    /// Where it ends.
    pub end: TextPoint,
    /// The new text.
    pub text: String,
}

/// A place between two characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TextPoint {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}
