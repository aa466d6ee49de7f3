//! `VG2010`: a policy allows nobody.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(2010),
    name: "policy-denies-all",
    severity: Severity::Warning,
    says: "An AuthorizationPolicy without `rules` (also a lone `spec: {}`) allows nothing: with action \
           ALLOW that denies every request to the pods that it is for, unless another policy allows it. \
           That is a known way to close a namespace, and a common slip. A rule `{}` is the opposite and \
           allows everything, whatever stands beside it.",
    consequence: "Requests to the pods that it is for are refused with 403 (RBAC: access denied), unless \
           another ALLOW policy takes them.",
    peers: &[],
    kinds: &[AUTHORIZATION_POLICY],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: bookinfo}
spec: # here
  selector: {matchLabels: {app: ratings}}
",
    passes: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: open, namespace: bookinfo}
spec:
  selector: {matchLabels: {app: ratings}}
  rules: [{from: [{source: {namespaces: [bookinfo]}}]}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(spec) = case.spec() else { return };
    let action = spec.get("action").and_then(Node::text).unwrap_or("ALLOW");
    if action != "ALLOW" {
        return;
    }
    let rules = spec.get("rules").filter(|rules| !rules.is_null());
    if rules.is_none_or(|rules| rules.items().next().is_none()) {
        let message = "there are no rules, so this policy allows nothing";
        match rules {
            Some(rules) => found.at_key(rules, message),
            None => found.missing(spec, "rules", message),
        }
        .likely();
        return;
    }
    let open = |rule: &Node<'_>| rule.is_mapping() && rule.entries().all(|(_, value)| value.is_null());
    let rules: Vec<Node<'_>> = case.items("rules").collect();
    if let Some(node) = rules.iter().find(|rule| open(rule)).filter(|_| rules.len() > 1) {
        found
            .at(
                *node,
                "the rule `{}` allows everything; the rules beside it have no effect",
            )
            .consequence("Every request to the pods that it is for is allowed.");
    }
}
