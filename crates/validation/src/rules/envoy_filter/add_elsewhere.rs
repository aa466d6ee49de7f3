//! `VG4103`: ADD where nothing is added.

use crate::case::at;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(4103),
    name: "add-elsewhere",
    severity: Severity::Error,
    says: "The operation ADD has no effect on ROUTE_CONFIGURATION and HTTP_ROUTE.",
    consequence: "The patch is not applied.",
    peers: &["IST0153"],
    kinds: &[ENVOY_FILTER],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: bookinfo}
spec:
  configPatches:
  - applyTo: HTTP_ROUTE
    match: {context: SIDECAR_OUTBOUND}
    patch:
      operation: ADD # here
      value: {route: {timeout: 1s}}
",
    passes: "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: bookinfo}
spec:
  configPatches:
  - applyTo: HTTP_ROUTE
    match: {context: SIDECAR_OUTBOUND}
    patch:
      operation: MERGE
      value: {route: {timeout: 1s}}
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
        if operation == "ADD" && matches!(apply, "ROUTE_CONFIGURATION" | "HTTP_ROUTE") {
            found.at(node, format!("ADD does nothing on {apply}"));
        }
    }
}
