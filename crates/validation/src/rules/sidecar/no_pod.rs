//! `VG1503`: a Sidecar is for pods that do not exist.

use crate::rule::prelude::*;
use crate::rules::selection;

pub(crate) static RULE: Rule = Rule {
    code: Code(1503),
    name: "sidecar-without-pods",
    severity: Severity::Warning,
    says: "The selector of a Sidecar chooses no pod of its namespace.",
    consequence: "It is in effect nowhere: pods that it was meant for may call everything.",
    peers: &["KIA0004", "IST0101"],
    kinds: &[SIDECAR],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: nobody, namespace: bookinfo}
spec:
  workloadSelector: # here
    labels: {app: review}
  egress: [{hosts: ['./*']}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: nobody, namespace: bookinfo}
spec:
  workloadSelector:
    labels: {app: reviews}
  egress: [{hosts: ['./*']}]
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
