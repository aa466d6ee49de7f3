//! `VG0003`: an object stands there twice.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(3),
    name: "same-object-twice",
    severity: Severity::Error,
    says: "Two documents have the same kind, namespace and name. Applied in order, the later one replaces \
           the earlier.",
    consequence: "What the earlier one says is not in effect.",
    peers: &[],
    kinds: &[],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  namespace: bookinfo
  name: ratings # here
spec:
  host: ratings
  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}
",
    passes: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for before in case.mesh.replaced_by(case.object) {
        found
            .object(format!(
                "{} stands there twice; this one counts",
                case.object.object_ref()
            ))
            .related(before, before.root(), "the earlier one, which does not count");
    }
}
