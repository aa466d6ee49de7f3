//! `VG0002`: a key stands twice in one mapping.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(2),
    name: "repeated-key",
    severity: Severity::Error,
    says: "A key stands twice in the same mapping. Kubernetes takes the last one, or refuses the object, \
           depending on the client.",
    consequence: "What the first one says is not in effect.",
    peers: &[],
    kinds: &[],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews, subset: v1}}]
    timeout: 2s
    timeout: 5s # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews, subset: v1}}]
    timeout: 5s
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    // The reader of the text finds this; see `engine`.
    let _ = (case, found);
}
