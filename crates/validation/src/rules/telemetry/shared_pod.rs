//! `VG4002`: two Telemetries choose the same pods.

use crate::rule::prelude::*;
use crate::rules::selection;

pub(crate) static RULE: Rule = Rule {
    code: Code(4002),
    name: "two-telemetries-for-pod",
    severity: Severity::Error,
    says: "Two Telemetries of a namespace choose the same pod by their selectors.",
    consequence: "The older one decides; the other is ignored for the pod.",
    peers: &["IST0159"],
    kinds: &[TELEMETRY],
    needs: Config,
    fails: "apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: first, namespace: bookinfo}
spec:
  selector: # here
    matchLabels: {app: reviews}
  tracing: [{randomSamplingPercentage: 10}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: second, namespace: bookinfo}
spec:
  selector: # here
    matchLabels: {version: v1}
  tracing: [{randomSamplingPercentage: 10}]
",
    passes: "apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: first, namespace: bookinfo}
spec:
  selector:
    matchLabels: {app: reviews}
  tracing: [{randomSamplingPercentage: 10}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: second, namespace: bookinfo}
spec:
  selector:
    matchLabels: {app: ratings}
  tracing: [{randomSamplingPercentage: 10}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some((node, pod, others)) = selection::sharing(case, TELEMETRY) else {
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
