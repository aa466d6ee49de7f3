//! `VG4104`: REMOVE where nothing is removed.

use crate::case::at;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(4104),
    name: "remove-elsewhere",
    severity: Severity::Error,
    says: "The operation REMOVE has no effect on ROUTE_CONFIGURATION and HTTP_ROUTE.",
    consequence: "The patch is not applied.",
    peers: &["IST0154"],
    kinds: &[ENVOY_FILTER],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: bookinfo}
spec:
  configPatches:
  - applyTo: ROUTE_CONFIGURATION
    match: {context: SIDECAR_OUTBOUND}
    patch:
      operation: REMOVE # here
",
    passes: "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: bookinfo}
spec:
  configPatches:
  - applyTo: CLUSTER
    match: {context: SIDECAR_OUTBOUND, cluster: {service: a.example}}
    patch:
      operation: REMOVE
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
        if operation == "REMOVE" && matches!(apply, "ROUTE_CONFIGURATION" | "HTTP_ROUTE") {
            found.at(node, format!("REMOVE does nothing on {apply}"));
        }
    }
}
