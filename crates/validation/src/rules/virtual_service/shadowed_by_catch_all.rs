//! `VG1111`: a rule comes after a condition that every request meets.

use vigla_config::VirtualService;

use super::conditions::{By, shadowed};
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1111),
    name: "rule-after-catch-all",
    severity: Severity::Warning,
    says: "A rule stands behind a condition that asks for something that every request has, such as the prefix `/` or \
           the pattern `.*`. (The peer sees only rules without any condition.)",
    consequence: "The rule is never used; its requests go where the earlier one sends them.",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /}}]
    route: [{destination: {host: reviews, subset: v1}}]
  - match: [{uri: {prefix: /reviews/}}] # here
    route: [{destination: {host: reviews, subset: v2}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /reviews/}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - match: [{uri: {prefix: /}}]
    route: [{destination: {host: reviews, subset: v1}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(service) = VirtualService::of(case.object) else {
        return;
    };
    for shadow in shadowed(service) {
        if shadow.by == By::CatchAll {
            found
                .at(shadow.node, "an earlier condition is met by every request")
                .related(case.object, shadow.earlier, "every request meets this");
        }
    }
}
