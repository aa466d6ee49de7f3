//! `VG4102`: REPLACE where nothing is replaced.

use crate::case::at;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(4102),
    name: "replace-elsewhere",
    severity: Severity::Error,
    says: "The operation REPLACE is for filters (HTTP_FILTER, NETWORK_FILTER) and for VIRTUAL_HOST only.",
    consequence: "The patch is not applied.",
    peers: &["IST0152"],
    kinds: &[ENVOY_FILTER],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: bookinfo}
spec:
  configPatches:
  - applyTo: CLUSTER
    match: {context: SIDECAR_OUTBOUND}
    patch:
      operation: REPLACE # here
      value: {connect_timeout: 1s}
",
    passes: "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: bookinfo}
spec:
  configPatches:
  - applyTo: CLUSTER
    match: {context: SIDECAR_OUTBOUND}
    patch:
      operation: MERGE
      value: {connect_timeout: 1s}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for config in case.items("configPatches") {
        let Some(node) = at(config, "patch.operation") else {
            continue;
        };
        let operation = node.text().unwrap_or_default();
        let apply = at(config, "applyTo").and_then(Node::text).unwrap_or_default();
        if operation == "REPLACE" && !matches!(apply, "HTTP_FILTER" | "NETWORK_FILTER" | "VIRTUAL_HOST") {
            found
                .at(node, format!("REPLACE does nothing on {apply}"))
                .fix(Fix::replace("merge it", node, "MERGE"));
        }
    }
}
