//! Pods: those that workloads will make, those that are written themselves, and those that run.

use std::{collections::BTreeMap, sync::Arc};

use vigla_config::{Node, Object};
use vigla_model::{Labels, Namespace};

use super::Mesh;

/// A pod, or what makes pods.
pub(crate) struct Pod<'a> {
    pub(crate) namespace: Namespace,
    pub(crate) labels: Labels,
    pub(crate) service_account: Arc<str>,
    /// The object that makes it; `None` for a pod that runs without one.
    pub(crate) object: Option<&'a Arc<Object>>,
    /// `spec` of the pod.
    pub(crate) spec: Option<Node<'a>>,
    /// How many of it are wanted, when that is written.
    pub(crate) replicas: Option<u32>,
}

/// Where the pod's template stands in the kinds that make pods.
fn template<'a>(object: &'a Object) -> Option<Node<'a>> {
    let spec = object.spec()?;
    match (object.group(), object.kind()) {
        ("", "Pod") => Some(object.root()),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job")
        | ("", "ReplicationController")
        | ("argoproj.io", "Rollout") => spec.get("template"),
        ("batch", "CronJob") => spec.get("jobTemplate")?.get("spec")?.get("template"),
        _ => None,
    }
}

pub(super) fn all<'a>(mesh: &Mesh<'a>) -> BTreeMap<Namespace, Vec<Pod<'a>>> {
    let mut pods: BTreeMap<Namespace, Vec<Pod<'a>>> = BTreeMap::new();
    for object in mesh.snapshot().objects() {
        let Some(template) = template(object) else {
            continue;
        };
        // A workload's pods that are written too would be counted twice; labels and ports are the same.
        let map = |key: &str| {
            let metadata = template.get("metadata");
            metadata
                .and_then(|metadata| metadata.get(key))
                .map(Node::string_map)
                .unwrap_or_default()
        };
        let spec = template.get("spec");
        let account = spec.and_then(|spec| spec.get("serviceAccountName")?.text());
        let replicas = match object.kind() {
            "Pod" => Some(1),
            "Deployment" | "StatefulSet" | "ReplicaSet" => {
                match object.spec().and_then(|spec| spec.get("replicas")) {
                    Some(replicas) => replicas.as_i64().and_then(|number| u32::try_from(number).ok()),
                    None => Some(1),
                }
            }
            _ => None,
        };
        pods.entry(object.namespace().clone()).or_default().push(Pod {
            namespace: object.namespace().clone(),
            labels: map("labels"),
            service_account: account.unwrap_or("default").into(),
            object: Some(object),
            spec,
            replicas,
        });
    }
    for instance in mesh.snapshot().instances() {
        pods.entry(instance.namespace.clone()).or_default().push(Pod {
            namespace: instance.namespace.clone(),
            labels: instance.labels.clone(),
            service_account: Arc::clone(&instance.service_account),
            object: None,
            spec: None,
            replicas: None,
        });
    }
    pods
}

impl<'a> Pod<'a> {
    /// Ports that containers declare: name and number.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (Option<&'a str>, u16)> + use<'a> {
        crate::case::items(self.spec, "containers")
            .flat_map(|container| crate::case::items(Some(container), "ports"))
            .filter_map(|port| {
                Some((
                    port.get("name").and_then(Node::text),
                    port.get("containerPort")?.as_port()?,
                ))
            })
    }
}

/// Whether labels hold all that a selector asks for.
pub(crate) fn meets(selector: &Labels, labels: &Labels) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
