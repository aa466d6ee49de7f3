//! `VG4101`: the place of a patch depends on the order of filters.

use crate::case::at;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(4101),
    name: "relative-without-priority",
    severity: Severity::Warning,
    says: "A patch puts something before or after another (or merges into it), and the EnvoyFilter has no \
           `priority`. Which EnvoyFilter is applied first is then decided by age and name.",
    consequence: "The patch may find another filter than was meant, or none, after an unrelated EnvoyFilter \
           is added.",
    peers: &["IST0151"],
    kinds: &[ENVOY_FILTER],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: bookinfo}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch:
      operation: INSERT_BEFORE # here
      value: {name: x, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer}}
",
    passes: "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: bookinfo}
spec:
  priority: 10
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch:
      operation: INSERT_BEFORE
      value: {name: x, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer}}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    if case.spec().is_some_and(|spec| at(spec, "priority").is_some()) {
        return;
    }
    for config in case.items("configPatches") {
        let Some(node) = at(config, "patch.operation") else {
            continue;
        };
        let operation = node.text().unwrap_or_default();
        let apply = at(config, "applyTo").and_then(Node::text).unwrap_or_default();
        let relative = matches!(operation, "INSERT_BEFORE" | "INSERT_AFTER" | "REPLACE" | "MERGE");
        // At the filters that every proxy has there is nothing to wait for.
        let fixed = at(config, "match.listener.filterChain.filter.name")
            .and_then(Node::text)
            .is_some_and(|name| name == "envoy.filters.network.http_connection_manager")
            && at(config, "match.listener.filterChain.filter.subFilter")
                .is_none_or(|sub| at(sub, "name").and_then(Node::text) == Some("envoy.filters.http.router"));
        if relative && operation != "MERGE" && !fixed && matches!(apply, "HTTP_FILTER" | "NETWORK_FILTER") {
            found.at(
                node,
                format!("{operation} without `priority`: the order among EnvoyFilters decides what it finds"),
            );
        }
    }
}
