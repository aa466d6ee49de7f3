//! `VG3001`: pods of a namespace get no proxy.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(3001),
    name: "namespace-not-injected",
    severity: Severity::Info,
    says: "A namespace with pods says neither that they get proxies (`istio-injection`, `istio.io/rev`) nor \
           that they get none, and is not ambient.",
    consequence: "Its pods are outside of the mesh: no mutual TLS, no routes, no metrics of theirs.",
    peers: &["IST0102"],
    kinds: &[NAMESPACE],
    needs: Config,
    fails: "apiVersion: v1
kind: Namespace
metadata:
  name: cellar # here
---
apiVersion: v1
kind: Pod
metadata: {name: wine, namespace: cellar, labels: {app: wine}}
spec: {containers: [{name: wine, image: cellar/wine}]}
",
    passes: "apiVersion: v1
kind: Namespace
metadata:
  name: cellar
  labels: {istio-injection: disabled}
---
apiVersion: v1
kind: Pod
metadata: {name: wine, namespace: cellar, labels: {app: wine}}
spec: {containers: [{name: wine, image: cellar/wine}]}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let labels = case.object.labels();
    let namespace = case.object.name().into();
    let says = ["istio-injection", "istio.io/rev", "istio.io/dataplane-mode"]
        .into_iter()
        .any(|key| labels.contains_key(key));
    let system = case.object.name().starts_with("kube-")
        || namespace == *case.mesh.root()
        || case.object.name() == "local-path-storage";
    let pods = case.mesh.pods(&namespace);
    let without = |pod: &crate::mesh::Pod<'_>| {
        !pod.labels.contains_key("sidecar.istio.io/inject") && !pod.labels.contains_key("istio.io/rev")
    };
    if says || system || !pods.iter().any(without) {
        return;
    }
    found.object(format!(
        "nothing says whether pods of namespace `{}` get proxies",
        case.object.name()
    ));
}
