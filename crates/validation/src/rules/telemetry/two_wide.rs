//! `VG4003`: two Telemetries are for the whole namespace.

use crate::rule::prelude::*;
use crate::rules::selection;

pub(crate) static RULE: Rule = Rule {
    code: Code(4003),
    name: "two-wide-telemetries",
    severity: Severity::Error,
    says: "Two Telemetries of a namespace have no selector: both are for all its pods.",
    consequence: "The older one decides; the other is ignored.",
    peers: &["IST0160"],
    kinds: &[TELEMETRY],
    needs: Config,
    fails: "apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: 
  namespace: bookinfo
  name: first # here
spec:
  tracing: [{randomSamplingPercentage: 10}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: 
  namespace: bookinfo
  name: second # here
spec:
  tracing: [{randomSamplingPercentage: 10}]
",
    passes: "apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: first, namespace: bookinfo}
spec:
  tracing: [{randomSamplingPercentage: 10}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: second, namespace: shop}
spec:
  tracing: [{randomSamplingPercentage: 10}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let others = selection::wide_beside(case, TELEMETRY);
    let Some(first) = others.first() else { return };
    let message = format!("{} is for the whole namespace too", first.object_ref());
    let finding = found.object(message);
    for other in others {
        finding.related(other, other.root(), "the other one");
    }
}
