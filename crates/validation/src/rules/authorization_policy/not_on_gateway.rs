//! `VG2008`: a selector chooses the pods of a Gateway of the Gateway API.

use crate::mesh::meets;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(2008),
    name: "selector-on-gateway",
    severity: Severity::Warning,
    says: "A policy chooses by `selector` pods that Istio runs for a Gateway of the Gateway API. For these, \
           policies are attached by `targetRefs`.",
    consequence: "Waypoints pass the policy over; gateways take it today and may not after an upgrade.",
    peers: &["IST0166"],
    kinds: &[
        AUTHORIZATION_POLICY,
        REQUEST_AUTHENTICATION,
        TELEMETRY,
        WASM_PLUGIN,
    ],
    needs: Config,
    fails: "apiVersion: apps/v1
kind: Deployment
metadata: {name: front-istio, namespace: bookinfo}
spec:
  selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: front}}
  template:
    metadata: {labels: {gateway.networking.k8s.io/gateway-name: front}}
    spec: {containers: [{name: istio-proxy, image: istio/proxyv2}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: front, namespace: bookinfo}
spec:
  selector: # here
    matchLabels: {gateway.networking.k8s.io/gateway-name: front}
  rules: [{from: [{source: {namespaces: [shop]}}]}]
",
    passes: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: front, namespace: bookinfo}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: front}]
  rules: [{from: [{source: {namespaces: [shop]}}]}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(node) = crate::rules::selection::selector(case.object) else {
        return;
    };
    let labels = node.get("matchLabels").map(Node::string_map).unwrap_or_default();
    let pods = case.mesh.pods(case.namespace());
    let mut chosen = pods.iter().filter(|pod| meets(&labels, &pod.labels));
    if let Some(pod) = chosen.find(|pod| pod.labels.contains_key("gateway.networking.k8s.io/gateway-name")) {
        let name = &pod.labels["gateway.networking.k8s.io/gateway-name"];
        found.at_key(
            node,
            format!("this chooses the pods of Gateway `{name}`; attach it by `targetRefs`"),
        );
    }
}
