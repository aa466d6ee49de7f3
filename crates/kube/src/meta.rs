//! The part that all objects have, without what nobody asks for: it is dropped while the text is read.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor},
};
use vigla_model::Labels;

/// `metadata` of an object. `managedFields` and most annotations are never held.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Meta {
    /// Name; templates of pods have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    #[serde(default, skip_serializing)]
    pub(crate) resource_version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) creation_timestamp: Option<String>,
    #[serde(default, skip_serializing)]
    pub(crate) deletion_timestamp: Option<String>,
    #[serde(default, skip_serializing)]
    pub(crate) owner_references: Option<Vec<Owner>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) labels: Option<Labels>,
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "read_annotations"
    )]
    pub(crate) annotations: Labels,
}

/// What made the object.
#[derive(Debug, Deserialize)]
pub(crate) struct Owner {
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) controller: Option<bool>,
}

impl Meta {
    /// Namespace and name.
    pub(crate) fn key(&self) -> Box<str> {
        let namespace = self.namespace.as_deref().unwrap_or_default();
        format!("{namespace}/{}", self.name).into()
    }

    /// The version as a number. It is opaque by contract of old servers and a number in every known one (and by
    /// contract from 1.35 on); `None` where it is none, and then nothing is known about which is newer.
    pub(crate) fn version(&self) -> Option<u64> {
        self.resource_version.parse().ok()
    }
}

/// Annotations that say something about a mesh. The others may be large: `last-applied-configuration` holds the
/// whole object a second time.
fn is_needed(annotation: &str) -> bool {
    let domain = annotation.split('/').next().unwrap_or_default();
    ["istio.io", "kiali.io", "vigla", "gateway.networking.k8s.io"]
        .iter()
        .any(|needed| {
            domain
                .strip_suffix(needed)
                .is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
}

fn read_annotations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
    struct Needed;
    impl<'de> Visitor<'de> for Needed {
        type Value = Labels;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("annotations")
        }

        fn visit_unit<E>(self) -> Result<Labels, E> {
            Ok(Labels::new())
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Labels, M::Error> {
            let mut needed = Labels::new();
            while let Some(key) = map.next_key::<Cow<'_, str>>()? {
                if is_needed(&key) {
                    needed.insert(key.into_owned(), map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(needed)
        }
    }
    deserializer.deserialize_any(Needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_asks_for_is_dropped_while_reading() {
        let meta: Meta = serde_json::from_str(
            r#"{"name":"a","namespace":"n","resourceVersion":"7","creationTimestamp":null,
                "managedFields":[{"manager":"kubectl","fieldsV1":{"f:spec":{}}}],
                "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","sidecar.istio.io/inject":"true",
                    "notistio.io/x":"1","istio.io/rev":"a\u0062","demo.vigla/rate":"3"}}"#,
        )
        .unwrap();
        assert_eq!((&*meta.key(), meta.version()), ("n/a", Some(7)));
        let annotations: Vec<_> = meta
            .annotations
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            annotations,
            [
                "demo.vigla/rate=3",
                "istio.io/rev=ab",
                "sidecar.istio.io/inject=true"
            ]
        );
        let none: Meta = serde_json::from_str(r#"{"annotations":null,"labels":null}"#).unwrap();
        assert!(none.annotations.is_empty() && none.labels.is_none());
        assert_eq!(serde_json::to_string(&none).unwrap(), "{}");
    }
}
