//! `VG3005`: nobody fills in an image.

use crate::case::at;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(3005),
    name: "image-auto",
    severity: Severity::Error,
    says: "A container has the image `auto`, which the injection webhook replaces. It does so for pods that \
           are injected; for a bare Pod, or a Deployment whose pods are not injected, nobody does.",
    consequence: "The pod never starts: the image `auto` cannot be pulled.",
    peers: &["IST0147", "IST0146"],
    kinds: &[POD, DEPLOYMENT],
    needs: Config,
    fails: "apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: bookinfo}
spec:
  selector: {matchLabels: {istio: edge}}
  template:
    metadata:
      labels: {istio: edge}
      annotations: {sidecar.istio.io/inject: 'false'}
    spec:
      containers:
      - name: istio-proxy
        image: auto # here
",
    passes: "apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: bookinfo}
spec:
  selector: {matchLabels: {istio: edge, sidecar.istio.io/inject: \"true\"}}
  template:
    metadata:
      labels: {istio: edge, sidecar.istio.io/inject: \"true\"}
    spec:
      containers:
      - name: istio-proxy
        image: auto
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let pod = match case.object.kind() {
        "Pod" => Some(case.object.root()),
        _ => case.spec().and_then(|spec| spec.get("template")),
    };
    let Some(pod) = pod else { return };
    let map = |key: &str| {
        at(pod, "metadata")
            .and_then(|metadata| metadata.get(key))
            .map(Node::string_map)
            .unwrap_or_default()
    };
    let (labels, annotations) = (map("labels"), map("annotations"));
    let said = labels
        .get("sidecar.istio.io/inject")
        .or_else(|| annotations.get("sidecar.istio.io/inject"));
    let namespace = case
        .mesh
        .all(NAMESPACE)
        .find(|object| *object.name() == *case.namespace().as_str());
    // The root namespace of an installation is mostly not labelled, and its gateways are.
    let of_namespace = namespace.is_none_or(|object| {
        let labels = object.labels();
        labels
            .get("istio-injection")
            .is_some_and(|value| value == "enabled")
            || labels.contains_key("istio.io/rev")
    });
    let injected = match said.map(String::as_str) {
        Some("true") => true,
        Some("false") => false,
        _ => of_namespace || labels.contains_key("istio.io/rev") || case.namespace() == case.mesh.root(),
    };
    if injected {
        return;
    }
    for container in ["containers", "initContainers"]
        .into_iter()
        .filter_map(|key| at(pod, "spec")?.get(key))
        .flat_map(Node::items)
    {
        if let Some(image) = container
            .get("image")
            .filter(|image| image.text() == Some("auto"))
        {
            let finding = found.at(
                image,
                "nobody replaces the image `auto`: these pods are not injected",
            );
            finding.peers(if case.object.kind() == "Pod" {
                &["IST0147"]
            } else {
                &["IST0146"]
            });
        }
    }
}
