//! `VG1505`: a Sidecar of the root namespace has a selector.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1505),
    name: "root-sidecar-with-selector",
    severity: Severity::Warning,
    says: "A Sidecar in the root namespace is the default of all namespaces. With a selector it is for pods \
           of the root namespace only.",
    consequence: "The pods of other namespaces that it was meant for may call everything.",
    peers: &["KIA1006"],
    kinds: &[SIDECAR],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: some, namespace: istio-system}
spec:
  workloadSelector: # here
    labels: {istio: ingressgateway}
  egress: [{hosts: ['./*']}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: all, namespace: istio-system}
spec:
  egress: [{hosts: ['./*']}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    if case.namespace() != case.mesh.root() {
        return;
    }
    let selector = case.spec().and_then(|spec| spec.get("workloadSelector"));
    if let Some(node) = selector.filter(|node| !node.is_null()) {
        found
            .at_key(
                node,
                "in the root namespace a selector chooses pods of that namespace only",
            )
            .fix(Fix::remove("make it the default of the mesh", node));
    }
}
