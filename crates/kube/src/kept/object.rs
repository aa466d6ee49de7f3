//! Objects that people wrote. They take the road of files: as YAML, through the reader that every document goes
//! through, so that whatever asks the mesh's config cannot tell where it came from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use vigla_config::read_objects;
use vigla_model::Labels;
use vigla_sources::{ConfigError, ConfigFile};

use super::Slim;
use crate::{kinds::Kind, meta::Meta, yaml::to_yaml};

/// An object as one file of the mesh's config.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) file: Arc<ConfigFile>,
    /// What is wrong with it. The API server has checked it, so this says what we cannot read.
    pub(crate) errors: Vec<ConfigError>,
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.file.name == other.file.name && self.file.text == other.file.text
    }
}

impl Text {
    fn new(kind: &Kind, version: &str, meta: &Meta, spec: Option<&Value>) -> Self {
        let namespace = meta.namespace.as_deref().unwrap_or("cluster");
        let name = format!("{namespace}/{}/{}", kind.resource(), meta.name);
        // Lists of built-in kinds leave kind and version out of their items.
        let mut object =
            json!({"apiVersion": kind.api_version(version), "kind": kind.kind, "metadata": meta});
        if let (Some(spec), Some(object)) = (spec, object.as_object_mut()) {
            object.insert("spec".to_owned(), spec.clone());
        }
        let text = to_yaml(&object);
        let read = read_objects(&name, &text);
        Self {
            file: Arc::new(ConfigFile {
                name: name.into(),
                text: text.into(),
                objects: read.objects,
            }),
            errors: read.errors,
        }
    }
}

/// All of `metadata` and `spec`.
#[derive(Debug, Deserialize)]
pub(crate) struct Written {
    metadata: Meta,
    #[serde(default)]
    spec: Option<Value>,
}

impl Slim for Written {
    type Kept = Text;

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn keep(self, kind: &Kind, version: &str) -> Text {
        Text::new(kind, version, &self.metadata, self.spec.as_ref())
    }
}

/// `metadata` alone.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    metadata: Meta,
}

impl Slim for Named {
    type Kept = Text;

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn keep(self, kind: &Kind, version: &str) -> Text {
        Text::new(kind, version, &self.metadata, None)
    }
}

/// What makes pods, with the part of its template that a mesh asks for.
#[derive(Debug, Deserialize)]
pub(crate) struct Workload {
    metadata: Meta,
    spec: WorkloadSpec,
}

#[derive(Debug, Deserialize, Serialize)]
struct WorkloadSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replicas: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    selector: Option<Value>,
    template: Template,
}

#[derive(Debug, Deserialize, Serialize)]
struct Template {
    #[serde(default)]
    metadata: Meta,
    #[serde(default)]
    spec: TemplateSpec,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct TemplateSpec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_account_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host_network: Option<bool>,
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Container {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ports: Option<Value>,
}

impl Slim for Workload {
    type Kept = Text;

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn keep(self, kind: &Kind, version: &str) -> Text {
        let spec = serde_json::to_value(&self.spec).expect("strings, numbers and JSON values are JSON");
        Text::new(kind, version, &self.metadata, Some(&spec))
    }
}

/// Labels, or none.
pub(super) fn labels(meta: &Meta) -> Labels {
    meta.labels.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::KINDS;

    fn kind(name: &str) -> &'static Kind {
        KINDS.iter().find(|kind| kind.kind == name).unwrap()
    }

    #[test]
    fn an_object_becomes_a_file_without_what_the_server_added() {
        let written: Written = serde_json::from_str(
            r#"{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"reviews","namespace":"bookinfo",
                "uid":"u","resourceVersion":"5","generation":2,"managedFields":[{"manager":"x"}],"creationTimestamp":"2026-11-23T00:00:00Z"},
                "spec":{"hosts":["reviews"],"http":[{"route":[{"destination":{"host":"reviews","subset":"v1"},"weight":90}]}]},
                "status":{"conditions":[]}}"#,
        )
        .unwrap();
        let text = written.keep(kind("VirtualService"), "v1");
        assert_eq!(
            &*text.file.name,
            "bookinfo/virtualservices.networking.istio.io/reviews"
        );
        assert_eq!(
            &*text.file.text,
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  creationTimestamp: \"2026-11-23T00:00:00Z\"\n  \
             name: reviews\n  namespace: bookinfo\nspec:\n  hosts:\n  - reviews\n  http:\n  - route:\n    - destination:\n        \
             host: reviews\n        subset: v1\n      weight: 90\n"
        );
        let object = &text.file.objects[0];
        assert_eq!(
            (object.kind(), object.created()),
            ("VirtualService", Some("2026-11-23T00:00:00Z"))
        );
    }

    #[test]
    fn a_workload_keeps_what_identity_and_ports_need() {
        let workload: Workload = serde_json::from_str(
            r#"{"metadata":{"name":"reviews-v1","namespace":"bookinfo"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"reviews"}},
                "template":{"metadata":{"creationTimestamp":null,"labels":{"app":"reviews","version":"v1"}},
                "spec":{"serviceAccountName":"reviews","containers":[{"name":"app","image":"x:1","env":[{"name":"A","value":"b"}],
                    "ports":[{"containerPort":9080,"name":"http"}]}]}}},"status":{"readyReplicas":2}}"#,
        )
        .unwrap();
        let text = workload.keep(kind("Deployment"), "v1");
        let read = vigla_config::Workload::read(&text.file.objects[0]).unwrap();
        assert_eq!(
            (
                &*read.service_account,
                read.replicas,
                read.ports[0].port,
                read.version.unwrap().as_str()
            ),
            ("reviews", Some(2), 9080, "v1")
        );
        assert!(!text.file.text.contains("env"), "{}", text.file.text);
    }
}
