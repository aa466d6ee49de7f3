//! Pods as running instances.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use serde::Deserialize;
use vigla_config::{Capture, Instance, SIDECAR_CONTAINER, workload_of_owner};

use super::{Slim, object::labels};
use crate::{kinds::Kind, meta::Meta};

/// A pod as it is read.
#[derive(Debug, Deserialize)]
pub(crate) struct Pod {
    metadata: Meta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    service_account_name: Option<Arc<str>>,
    #[serde(default)]
    containers: Vec<Container>,
    /// A sidecar may be one of these, which then never ends.
    #[serde(default)]
    init_containers: Option<Vec<Container>>,
}

#[derive(Debug, Deserialize)]
struct Container {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    phase: Option<String>,
    #[serde(rename = "podIP", default)]
    address: Option<IpAddr>,
    #[serde(default)]
    conditions: Option<Vec<Condition>>,
}

#[derive(Debug, Deserialize)]
struct Condition {
    r#type: String,
    status: String,
}

impl Slim for Pod {
    /// Nothing while the pod has no address, and when it has ended.
    type Kept = Option<Arc<Instance>>;

    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn keep(self, _: &Kind, _: &str) -> Self::Kept {
        if matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed")) {
            return None;
        }
        let address = self.status.address?;
        let mut containers = self
            .spec
            .containers
            .iter()
            .chain(self.spec.init_containers.iter().flatten());
        let conditions = self.status.conditions.iter().flatten();
        let is_ready = |condition: &Condition| condition.r#type == "Ready" && condition.status == "True";
        Some(Arc::new(Instance {
            name: self.metadata.name.as_str().into(),
            namespace: self.metadata.namespace.as_deref().unwrap_or("default").into(),
            workload: workload_of(&self.metadata).into(),
            labels: labels(&self.metadata),
            service_account: self
                .spec
                .service_account_name
                .clone()
                .unwrap_or_else(|| "default".into()),
            address,
            // Packets are redirected inside the pod: the sidecar has no address of its own.
            sidecar: containers
                .any(|container| container.name == SIDECAR_CONTAINER)
                .then(Capture::default),
            published: BTreeMap::new(),
            ready: self.metadata.deletion_timestamp.is_none() && conditions.into_iter().any(is_ready),
        }))
    }
}

/// The workload that people know, or the pod itself.
fn workload_of(meta: &Meta) -> &str {
    let mut owners = meta.owner_references.iter().flatten();
    let Some(owner) = owners.find(|owner| owner.controller == Some(true)) else {
        return &meta.name;
    };
    let hash = meta
        .labels
        .as_ref()
        .and_then(|labels| labels.get("pod-template-hash"));
    workload_of_owner(&owner.kind, &owner.name, hash.map(String::as_str))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::KINDS;

    fn keep(pod: Value) -> Option<Arc<Instance>> {
        serde_json::from_value::<Pod>(pod).unwrap().keep(&KINDS[3], "v1")
    }

    fn workload(owner: &str, name: &str) -> String {
        let pod = json!({"metadata": {"name": "p", "namespace": "n", "labels": {"pod-template-hash": "5f6"},
            "ownerReferences": [{"kind": owner, "name": name, "controller": true}]}, "status": {"podIP": "10.0.0.1"}});
        keep(pod).unwrap().workload.as_str().to_owned()
    }

    #[test]
    fn a_pod_belongs_to_the_workload_that_people_know() {
        assert_eq!(workload("ReplicaSet", "reviews-v1-5f6"), "reviews-v1");
        assert_eq!(workload("StatefulSet", "db"), "db");
        let bare = keep(json!({"metadata": {"name": "p"}, "status": {"podIP": "10.0.0.1"}})).unwrap();
        assert_eq!(
            (
                bare.workload.as_str(),
                bare.namespace.as_str(),
                &*bare.service_account
            ),
            ("p", "default", "default")
        );
    }

    #[test]
    fn a_pod_is_an_instance_while_it_has_an_address_and_ready_while_it_says_so() {
        let pod = |phase: &str, ready: &str, address: Value, deleted: Value| {
            keep(
                json!({"metadata": {"name": "p", "deletionTimestamp": deleted}, "spec": {"containers": [{"name": "app"}],
                "initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}], "serviceAccountName": "a"},
                "status": {"phase": phase, "podIP": address, "conditions": [{"type": "Ready", "status": ready}]}}),
            )
        };
        let running = pod("Running", "True", json!("10.1.2.3"), Value::Null).unwrap();
        assert!(running.ready && running.sidecar.is_some());
        assert!(
            !pod("Running", "False", json!("10.1.2.3"), Value::Null)
                .unwrap()
                .ready
        );
        assert!(
            !pod("Running", "True", json!("fd00::1"), json!("2026-11-23T00:00:00Z"))
                .unwrap()
                .ready
        );
        assert_eq!(pod("Pending", "False", Value::Null, Value::Null), None);
        assert_eq!(pod("Succeeded", "False", json!("10.1.2.3"), Value::Null), None);
    }
}
