//! Workloads: what makes pods.

use std::sync::Arc;

use vigla_model::{AppName, Labels, Namespace, PeerIdentity, Principal, Version, WorkloadName};

use crate::{Instance, MeshSettings, Node, Object};

/// A Deployment, StatefulSet, DaemonSet, or instances that no object stands for.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The object; `None` for instances without one.
    pub object: Option<Arc<Object>>,
    /// Name.
    pub name: WorkloadName,
    /// Namespace.
    pub namespace: Namespace,
    /// Labels of its pods.
    pub labels: Labels,
    /// Annotations of its pods.
    pub annotations: Labels,
    /// Service account; `default` when none is written.
    pub service_account: Arc<str>,
    /// Ports of its containers.
    pub ports: Vec<ContainerPort>,
    /// Pods that are wanted; `None` when that is not written.
    pub replicas: Option<u32>,
    /// App, from the labels.
    pub app: Option<AppName>,
    /// Version, from the labels.
    pub version: Option<Version>,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPort {
    /// Name, when one is written.
    pub name: Option<Arc<str>>,
    /// Number.
    pub port: u16,
}

/// The first of these labels names the app, as in Istio.
const APP_LABELS: [&str; 3] = ["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"];
/// The first of these labels names the version, as in Istio.
const VERSION_LABELS: [&str; 3] = [
    "service.istio.io/canonical-revision",
    "app.kubernetes.io/version",
    "version",
];

/// The app that labels name.
pub fn app_of(labels: &Labels) -> Option<AppName> {
    first_label(labels, &APP_LABELS).map(AppName::from)
}

/// The version that labels name.
pub fn version_of(labels: &Labels) -> Option<Version> {
    first_label(labels, &VERSION_LABELS).map(Version::from)
}

fn first_label<'a>(labels: &'a Labels, keys: &[&str]) -> Option<&'a str> {
    keys.iter()
        .filter_map(|&key| labels.get(key))
        .map(String::as_str)
        .find(|value| !value.is_empty())
}

impl Workload {
    /// Reads a Deployment, StatefulSet or DaemonSet; `None` for other kinds.
    pub fn read(object: &Arc<Object>) -> Option<Self> {
        if object.group() != "apps" || !matches!(object.kind(), "Deployment" | "StatefulSet" | "DaemonSet") {
            return None;
        }
        let spec = object.spec();
        let template = spec.and_then(|spec| spec.get("template"));
        let metadata = |key: &str| {
            template
                .and_then(|template| template.get("metadata")?.get(key))
                .map(Node::string_map)
                .unwrap_or_default()
        };
        let pod = template.and_then(|template| template.get("spec"));
        let account = pod.and_then(|pod| {
            pod.get("serviceAccountName")
                .or_else(|| pod.get("serviceAccount"))?
                .text()
        });
        let containers = pod
            .and_then(|pod| pod.get("containers"))
            .into_iter()
            .flat_map(Node::items);
        let ports = containers
            .filter_map(|container| container.get("ports"))
            .flat_map(Node::items);
        let labels = metadata("labels");
        Some(Self {
            name: object.name().into(),
            namespace: object.namespace().clone(),
            app: app_of(&labels),
            version: version_of(&labels),
            labels,
            annotations: metadata("annotations"),
            service_account: account.unwrap_or("default").into(),
            ports: ports
                .filter_map(|port| {
                    Some(ContainerPort {
                        port: port.get("containerPort")?.as_port()?,
                        name: port.get("name").and_then(Node::text).map(Into::into),
                    })
                })
                .collect(),
            replicas: match object.kind() {
                // As many as there are nodes.
                "DaemonSet" => None,
                _ => match spec.and_then(|spec| spec.get("replicas")) {
                    Some(replicas) => replicas.as_i64().and_then(|number| u32::try_from(number).ok()),
                    None => Some(1),
                },
            },
            object: Some(Arc::clone(object)),
        })
    }

    /// A workload that only its instances show.
    pub(crate) fn of_instance(instance: &Instance) -> Self {
        Self {
            object: None,
            name: instance.workload.clone(),
            namespace: instance.namespace.clone(),
            app: app_of(&instance.labels),
            version: version_of(&instance.labels),
            labels: instance.labels.clone(),
            annotations: Labels::new(),
            service_account: Arc::clone(&instance.service_account),
            ports: Vec::new(),
            replicas: None,
        }
    }

    /// The SPIFFE id of its pods.
    pub fn principal(&self, settings: &MeshSettings) -> Principal {
        Principal::new(
            &settings.trust_domain,
            self.namespace.as_str(),
            &self.service_account,
        )
    }

    /// What metrics say of it.
    pub fn identity(&self, settings: &MeshSettings) -> PeerIdentity {
        PeerIdentity {
            cluster: Some(settings.cluster.clone()),
            namespace: Some(self.namespace.clone()),
            workload: Some(self.name.clone()),
            app: self.app.clone(),
            version: self.version.clone(),
            principal: Some(self.principal(settings)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_labels_win_over_plain_ones() {
        let labels: Labels = [
            ("app", "reviews"),
            ("app.kubernetes.io/name", "books"),
            ("version", "v1"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        assert_eq!(app_of(&labels), Some("books".into()));
        assert_eq!(version_of(&labels), Some("v1".into()));
        assert_eq!(app_of(&Labels::new()), None);
    }
}
