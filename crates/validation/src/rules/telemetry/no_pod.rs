//! `VG4005`: a Telemetry is for pods that do not exist.

use crate::rule::prelude::*;
use crate::rules::selection;

pub(crate) static RULE: Rule = Rule {
    code: Code(4005),
    name: "telemetry-without-pods",
    severity: Severity::Warning,
    says: "The selector of a Telemetry chooses no pod of its namespace.",
    consequence: "It is in effect nowhere.",
    peers: &["KIA0004", "IST0101"],
    kinds: &[TELEMETRY],
    needs: Config,
    fails: "apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: nobody, namespace: bookinfo}
spec:
  selector: # here
    matchLabels: {app: review}
  tracing: [{randomSamplingPercentage: 10}]
",
    passes: "apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: nobody, namespace: bookinfo}
spec:
  selector:
    matchLabels: {app: reviews}
  tracing: [{randomSamplingPercentage: 10}]
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
