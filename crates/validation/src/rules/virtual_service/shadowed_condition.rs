//! `VG1110`: a condition comes after a wider one.

use vigla_config::VirtualService;

use super::conditions::{By, shadowed};
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1110),
    name: "shadowed-condition",
    severity: Severity::Warning,
    says: "A rule or condition stands behind one that asks for less: an exact path behind a prefix of it, or headers \
           that the earlier one does not ask for. All its requests meet the earlier one first.",
    consequence: "It never decides; its requests go where the earlier, wider rule sends them.",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /reviews}}]
    route: [{destination: {host: reviews, subset: v1}}]
  - match: [{uri: {exact: /reviews/0}, headers: {end-user: {exact: jason}}}] # here
    route: [{destination: {host: reviews, subset: v2}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {exact: /reviews/0}, headers: {end-user: {exact: jason}}}]
    route: [{destination: {host: reviews, subset: v2}}]
  - match: [{uri: {prefix: /reviews}}]
    route: [{destination: {host: reviews, subset: v1}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(service) = VirtualService::of(case.object) else {
        return;
    };
    for shadow in shadowed(service) {
        if shadow.by == By::Less {
            let what = if shadow.is_rule { "rule" } else { "condition" };
            found
                .at(
                    shadow.node,
                    format!("this {what} comes after a wider one that takes all its requests"),
                )
                .related(case.object, shadow.earlier, "takes its requests");
        }
    }
}
