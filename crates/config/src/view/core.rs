//! Namespace and ServiceAccount of Kubernetes, as far as a mesh asks for them.

use vigla_model::Namespace;

use crate::Object;

/// A Namespace object.
#[derive(Clone, Copy)]
pub struct NamespaceObject<'a> {
    object: &'a Object,
}

impl<'a> NamespaceObject<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        (object.kind() == "Namespace" && object.group().is_empty()).then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// The namespace that it declares.
    pub fn name(self) -> Namespace {
        self.object.name().into()
    }

    /// Whether its pods get sidecars when they do not say otherwise; `None`: it does not say.
    pub fn injection(self) -> Option<bool> {
        let labels = self.object.labels();
        match labels.get("istio-injection").map(String::as_str) {
            Some("enabled") => Some(true),
            Some("disabled") => Some(false),
            _ => labels.contains_key("istio.io/rev").then_some(true),
        }
    }
}

/// A ServiceAccount object.
#[derive(Clone, Copy)]
pub struct ServiceAccount<'a> {
    object: &'a Object,
}

impl<'a> ServiceAccount<'a> {
    /// `None` for other kinds.
    pub fn of(object: &'a Object) -> Option<Self> {
        (object.kind() == "ServiceAccount" && object.group().is_empty()).then_some(Self { object })
    }

    /// The object.
    pub fn object(self) -> &'a Object {
        self.object
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        self.object.name()
    }

    /// Its namespace.
    pub fn namespace(self) -> &'a Namespace {
        self.object.namespace()
    }
}
