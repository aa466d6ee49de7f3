//! `VG2011`: from and to stand in two rules.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(2011),
    name: "or-instead-of-and",
    severity: Severity::Warning,
    says: "A rule has only `from`, and its neighbour has only `to` or `when`. Rules are alternatives: a \
           request is taken that meets either. To ask for both, they belong into one rule, with one dash.",
    consequence: "With ALLOW: everybody may do what the one rule tells, and the callers of the other may do \
           everything.",
    peers: &[],
    kinds: &[AUTHORIZATION_POLICY],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: bookinfo}
spec:
  rules:
  - from: [{source: {namespaces: [shop]}}]
  - to: [{operation: {methods: [GET]}}] # here
",
    passes: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: bookinfo}
spec:
  rules:
  - from: [{source: {namespaces: [shop]}}]
    to: [{operation: {methods: [GET]}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let rules: Vec<Node<'_>> = case.items("rules").collect();
    let has = |rule: Node<'_>, key: &str| rule.get(key).is_some_and(|list| !list.is_null());
    for pair in rules.windows(2) {
        let only_from = has(pair[0], "from") && !has(pair[0], "to") && !has(pair[0], "when");
        let no_from = !has(pair[1], "from") && (has(pair[1], "to") || has(pair[1], "when"));
        if only_from && no_from {
            found
                .at(
                    pair[1],
                    "this is a rule of its own: requests need not meet `from` of the rule before it",
                )
                .likely()
                .related(
                    case.object,
                    pair[0],
                    "the rule that it was probably meant to belong to",
                );
        }
    }
}
