//! `VG1202`: a subset chooses no endpoint.

use vigla_config::DestinationRule;
use vigla_model::Labels;

use crate::{case::items, mesh::meets, nearest::nearest, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1202),
    name: "empty-subset",
    severity: Severity::Error,
    says: "The labels of a subset, together with the service's own selector, choose no pod of the service's namespace \
           (of a ServiceEntry: none of its endpoints). (`istioctl analyze` looks at the pods of all namespaces and \
           leaves the service's selector aside.)",
    consequence: "Requests that are sent to the subset get 503 (no healthy upstream, flag UH).",
    peers: &["KIA0203", "IST0173"],
    kinds: &[DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  subsets:
  - name: v2
    labels: {version: v2} # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  subsets:
  - name: v1
    labels: {version: v1}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = DestinationRule::of(case.object) else {
        return;
    };
    let Some(host) = rule.host().filter(|host| !host.starts_with('*')) else {
        return;
    };
    let fqdn = case.mesh.resolve(host, rule.namespace());
    let Host::Seen(info) = case.mesh.host(&fqdn, rule.namespace()) else {
        return;
    };
    let behind = labels_behind(case.mesh, &info);
    // Endpoints that are not written anywhere cannot be judged.
    if behind.is_empty() {
        return;
    }
    for subset in rule.subsets() {
        let wanted = subset.labels();
        let Some(node) = subset.node().get("labels") else {
            continue;
        };
        if wanted.is_empty() || behind.iter().any(|labels| fits(&wanted, labels)) {
            continue;
        }
        // A single label with a value that none has: the one that was meant may be among those that they have.
        let wrong = node.entries().find(|(key, value)| {
            !behind
                .iter()
                .any(|labels| labels.get(*key).map(String::as_str) == value.text())
        });
        let fix = wrong.and_then(|(key, value)| {
            let there = behind
                .iter()
                .filter_map(|labels| labels.get(key))
                .map(String::as_str);
            let near = nearest(value.text()?, there)?;
            Fix::replace(format!("use `{key}: {near}`"), value, near)
        });
        let written: Vec<String> = wanted
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let message = format!("no endpoint of `{host}` has the labels {}", written.join(", "));
        found.at(node, message).fix(fix).related(
            info.object,
            info.object.spec().unwrap_or(info.object.root()),
            "the host's endpoints are chosen here",
        );
    }
}

/// Labels of what serves a host.
fn labels_behind(mesh: &Mesh<'_>, info: &HostInfo<'_>) -> Vec<Labels> {
    let namespace = info.object.namespace();
    let mut all: Vec<Labels> = Vec::new();
    if let Some(selector) = &info.selector {
        let pods = mesh.pods(namespace).iter();
        all.extend(
            pods.filter(|pod| meets(selector, &pod.labels))
                .map(|pod| pod.labels.clone()),
        );
        let entries = mesh
            .all(WORKLOAD_ENTRY)
            .filter(|entry| entry.namespace() == namespace);
        let labels = entries.filter_map(|entry| Some(entry.spec()?.get("labels")?.string_map()));
        all.extend(labels.filter(|labels| meets(selector, labels)));
    }
    if !info.is_service {
        let endpoints = items(info.object.spec(), "endpoints");
        all.extend(endpoints.map(|endpoint| {
            let labels = endpoint.get("labels");
            labels.map(Node::string_map).unwrap_or_default()
        }));
    }
    all
}

/// Whether an endpoint may be of a subset. Labels of places come from nodes, which are not written with pods.
fn fits(wanted: &Labels, labels: &Labels) -> bool {
    let of_node = |key: &str| key.starts_with("topology.") || key.starts_with("failure-domain.");
    wanted
        .iter()
        .all(|(key, value)| of_node(key) || labels.get(key) == Some(value))
}
