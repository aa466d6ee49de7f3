//! Pods as running instances.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Capture, Instance, Node, Object};

/// What injection calls the sidecar's container; gateways call theirs so as well.
pub const SIDECAR_CONTAINER: &str = "istio-proxy";

impl Instance {
    /// Reads a Pod; `None` for other kinds, while it has no address, and when it has ended.
    pub fn of_pod(object: &Object) -> Option<Self> {
        if !object.group().is_empty() || object.kind() != "Pod" {
            return None;
        }
        let root = object.root();
        let status = root.get("status")?;
        let phase = status.get("phase").and_then(Node::text);
        if matches!(phase, Some("Succeeded" | "Failed")) {
            return None;
        }
        let metadata = root.get("metadata");
        let spec = object.spec();
        let containers = ["containers", "initContainers"].into_iter();
        let mut containers = containers.flat_map(|key| {
            spec.and_then(|spec| spec.get(key))
                .into_iter()
                .flat_map(Node::items)
        });
        let conditions = status.get("conditions").into_iter().flat_map(Node::items);
        let is = |node: &Node<'_>, key: &str, value: &str| node.get(key).and_then(Node::text) == Some(value);
        let mut ready = conditions.filter(|condition| is(condition, "type", "Ready"));
        let owners = metadata.and_then(|metadata| metadata.get("ownerReferences"));
        let owner = owners
            .into_iter()
            .flat_map(Node::items)
            .find(|owner| owner.get("controller").and_then(Node::as_bool) == Some(true))
            .and_then(|owner| Some((owner.get("kind")?.text()?, owner.get("name")?.text()?)));
        let hash = object.labels().get("pod-template-hash").map(String::as_str);
        let workload = owner.map_or(object.name(), |(kind, name)| workload_of_owner(kind, name, hash));
        let account = spec.and_then(|spec| spec.get("serviceAccountName")?.text());
        Some(Self {
            name: object.name().into(),
            namespace: object.namespace().clone(),
            workload: workload.into(),
            labels: object.labels().clone(),
            service_account: Arc::from(account.unwrap_or("default")),
            address: status.get("podIP")?.text()?.parse().ok()?,
            // Packets are redirected inside the pod: the sidecar has no address of its own.
            sidecar: containers
                .any(|container| is(&container, "name", SIDECAR_CONTAINER))
                .then(Capture::default),
            published: BTreeMap::new(),
            ready: metadata
                .and_then(|metadata| metadata.get("deletionTimestamp")?.text())
                .is_none()
                && ready.any(|condition| is(&condition, "status", "True")),
        })
    }
}

/// The workload that people know, by what controls a pod: the Deployment above the ReplicaSet, the CronJob above the
/// Job. Names tell, so the objects between need not be read. `hash` is the pod's label `pod-template-hash`.
pub fn workload_of_owner<'a>(kind: &str, name: &'a str, hash: Option<&str>) -> &'a str {
    let shorter = match kind {
        "ReplicaSet" => hash.and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-')),
        // A CronJob's Jobs end in the minute at which they were due.
        "Job" => name.rsplit_once('-').and_then(|(before, minute)| {
            (minute.len() >= 8 && minute.bytes().all(|byte| byte.is_ascii_digit())).then_some(before)
        }),
        _ => None,
    };
    shorter.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_objects;

    fn read(pod: &str) -> Option<Instance> {
        let found = read_objects("pods.yaml", pod);
        assert_eq!(found.errors, []);
        Instance::of_pod(&found.objects[0])
    }

    #[test]
    fn a_pod_belongs_to_the_workload_that_people_know() {
        for (kind, name, expected) in [
            ("ReplicaSet", "reviews-v1-5f6", "reviews-v1"),
            ("ReplicaSet", "alone", "alone"),
            ("StatefulSet", "db", "db"),
            ("Job", "backup-29384711", "backup"),
            ("Job", "import-2024", "import-2024"),
        ] {
            assert_eq!(workload_of_owner(kind, name, Some("5f6")), expected);
        }
    }

    #[test]
    fn a_pod_is_an_instance_while_it_has_an_address_and_ready_while_it_says_so() {
        let pod = |metadata: &str, status: &str| {
            read(&format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: n, labels: {{app: a}}{metadata}}}\n\
                 spec: {{serviceAccountName: a, containers: [{{name: app}}], initContainers: [{{name: istio-proxy}}]}}\n\
                 status: {{phase: Running, {status}}}\n"
            ))
        };
        let ready = "podIP: 10.1.2.3, conditions: [{type: Ready, status: 'True'}]";
        let running = pod("", ready).unwrap();
        assert!(running.ready && running.sidecar.is_some());
        assert_eq!(
            (
                running.workload.as_str(),
                &*running.service_account,
                running.labels["app"].as_str()
            ),
            ("p", "a", "a")
        );
        assert_eq!(running.address.to_string(), "10.1.2.3");
        assert!(!pod("", "podIP: 10.1.2.3").unwrap().ready);
        assert!(
            !pod(", deletionTimestamp: '2026-11-23T00:00:00Z'", ready)
                .unwrap()
                .ready
        );
        assert_eq!(pod("", "hostIP: 10.0.0.1"), None);
        let owned = pod(
            ", ownerReferences: [{kind: Deployment, name: web, controller: true}]",
            ready,
        )
        .unwrap();
        assert_eq!(owned.workload.as_str(), "web");
        let ended =
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nstatus: {phase: Failed, podIP: 10.1.2.3}\n";
        assert_eq!(read(ended), None);
    }
}
