//! `VG2210`: tokens are checked, and nobody needs one.

use crate::rule::prelude::*;
use crate::{case::items, mesh::meets};

pub(crate) static RULE: Rule = Rule {
    code: Code(2210),
    name: "token-not-required",
    severity: Severity::Warning,
    says: "A RequestAuthentication checks tokens that come; requests without one pass. Only an \
           AuthorizationPolicy that asks for `requestPrincipals` (or for a claim) refuses them, and there \
           is none for the pods that this is for.",
    consequence: "Requests without any token are let through; only those with a broken one get 401.",
    peers: &[],
    kinds: &[REQUEST_AUTHENTICATION],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: bookinfo}
spec:
  selector: {matchLabels: {app: ratings}}
  jwtRules: # here
  - issuer: https://login.example
    jwksUri: https://login.example/keys
",
    passes: "apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: bookinfo}
spec:
  selector: {matchLabels: {app: ratings}}
  jwtRules:
  - issuer: https://login.example
    jwksUri: https://login.example/keys
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tokens, namespace: bookinfo}
spec:
  selector: {matchLabels: {app: ratings}}
  rules: [{from: [{source: {requestPrincipals: ['*']}}]}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rules) = case.spec().and_then(|spec| spec.get("jwtRules")) else {
        return;
    };
    let attached = case.spec().is_some_and(|spec| {
        ["targetRef", "targetRefs"]
            .into_iter()
            .any(|key| spec.get(key).is_some())
    });
    // `presence: REQUIRED` of newer versions asks for a token by itself.
    let required = rules
        .items()
        .any(|rule| rule.get("presence").and_then(Node::text) == Some("REQUIRED"));
    if attached || required || rules.items().next().is_none() {
        return;
    }
    let selector = case
        .spec()
        .and_then(|spec| spec.get("selector")?.get("matchLabels"))
        .map(Node::string_map)
        .unwrap_or_default();
    let everywhere = case.namespace() == case.mesh.root();
    let pods: Vec<_> = case
        .mesh
        .all_pods()
        .filter(|pod| (everywhere || pod.namespace == *case.namespace()) && meets(&selector, &pod.labels))
        .collect();
    let guarded = |pod: &crate::mesh::Pod<'_>| {
        let policies = case.mesh.authorization_policies(&pod.namespace, &pod.labels);
        policies.iter().any(|policy| asks_for_token(policy.object()))
    };
    if !pods.is_empty() && !pods.iter().any(|pod| guarded(pod)) {
        found.at_key(rules, "no AuthorizationPolicy for these pods asks for a token");
    }
}

/// Whether a policy tells requests with a token from those without.
fn asks_for_token(policy: &Object) -> bool {
    items(policy.spec(), "rules").any(|rule| {
        let sources = items(Some(rule), "from").filter_map(|from| from.get("source"));
        let principals = sources
            .flat_map(|source| {
                ["requestPrincipals", "notRequestPrincipals"]
                    .into_iter()
                    .filter_map(move |key| source.get(key))
            })
            .any(|list| list.items().next().is_some());
        let claims = items(Some(rule), "when")
            .filter_map(|when| when.get("key")?.text())
            .any(|key| key.starts_with("request.auth"));
        principals || claims
    })
}
