//! `VG1501`: two Sidecars choose the same pods.

use crate::rule::prelude::*;
use crate::rules::selection;

pub(crate) static RULE: Rule = Rule {
    code: Code(1501),
    name: "two-sidecars-for-pod",
    severity: Severity::Error,
    says: "Two Sidecars of a namespace choose the same pod by their selectors.",
    consequence: "The older one decides what the pod may call; the other is ignored for it.",
    peers: &["KIA0003", "IST0110"],
    kinds: &[SIDECAR],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: first, namespace: bookinfo}
spec:
  workloadSelector: # here
    labels: {app: reviews}
  egress: [{hosts: ['./*']}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: second, namespace: bookinfo}
spec:
  workloadSelector: # here
    labels: {version: v1}
  egress: [{hosts: ['./*']}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: first, namespace: bookinfo}
spec:
  workloadSelector:
    labels: {app: reviews}
  egress: [{hosts: ['./*']}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: second, namespace: bookinfo}
spec:
  workloadSelector:
    labels: {app: ratings}
  egress: [{hosts: ['./*']}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some((node, pod, others)) = selection::sharing(case, SIDECAR) else {
        return;
    };
    let other = others[0];
    let message = format!("{} chooses `{pod}` too", other.object_ref());
    let finding = found.at_key(node, message);
    for other in others {
        let place = selection::selector(other).unwrap_or(other.root());
        finding.related(other, place, "the other selector");
    }
}
