//! `VG1101`: a rule comes after one that takes all its requests.

use vigla_config::VirtualService;

use super::conditions::{By, shadowed};
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1101),
    name: "unreachable-rule",
    severity: Severity::Warning,
    says: "A rule stands behind one without a condition, or behind rules that ask for the very same. The first rule \
           that fits decides, so this one never does.",
    consequence: "The rule is never used; its requests go where the earlier one sends them.",
    peers: &["IST0130"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route: [{destination: {host: reviews, subset: v1}}]
  - match: [{headers: {end-user: {exact: jason}}}] # here
    route: [{destination: {host: reviews, subset: v2}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match: [{headers: {end-user: {exact: jason}}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - route: [{destination: {host: reviews, subset: v1}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(service) = VirtualService::of(case.object) else {
        return;
    };
    for shadow in shadowed(service) {
        if !shadow.is_rule || !matches!(shadow.by, By::Nothing | By::Same) {
            continue;
        }
        let message = match shadow.by {
            By::Nothing => "an earlier rule has no condition and takes all requests",
            _ => "earlier rules ask for the same and take all its requests",
        };
        let finding = found.at(shadow.node, message);
        finding.related(case.object, shadow.earlier, "takes its requests");
        if shadow.by == By::Nothing {
            finding.fix(super::unreachable_rule_fix(shadow.node, shadow.earlier));
        }
    }
}
