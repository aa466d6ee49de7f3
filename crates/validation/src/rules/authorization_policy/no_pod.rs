//! `VG2001`: an AuthorizationPolicy is for pods that do not exist.

use crate::rule::prelude::*;
use crate::rules::selection;

pub(crate) static RULE: Rule = Rule {
    code: Code(2001),
    name: "policy-without-pods",
    severity: Severity::Warning,
    says: "The selector of an AuthorizationPolicy chooses no pod of its namespace, or of all namespaces \
           when it stands in the root namespace.",
    consequence: "It is in effect nowhere: what it was meant to protect is open.",
    peers: &["KIA0004", "IST0127"],
    kinds: &[AUTHORIZATION_POLICY],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: bookinfo}
spec:
  selector: # here
    matchLabels: {app: review}
  rules: [{}]
",
    passes: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: bookinfo}
spec:
  selector:
    matchLabels: {app: reviews}
  rules: [{}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some((node, labels)) = selection::choosing_nothing(case) else {
        return;
    };
    let (message, fix) = selection::nothing_chosen(case, node, &labels);
    found.at_key(node, message).fix(fix);
}
