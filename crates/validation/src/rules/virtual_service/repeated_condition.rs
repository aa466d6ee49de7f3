//! `VG1102`: a condition stands there twice.

use vigla_config::VirtualService;

use super::conditions::{By, shadowed};
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1102),
    name: "repeated-condition",
    severity: Severity::Info,
    says: "A condition of a rule asks for the same as an earlier one, and never decides. (The peer names the rule only, \
           takes a missing method for GET, and does not look at exact paths.)",
    consequence: "None, unless it was meant to ask for something else: its requests take the earlier condition.",
    peers: &["IST0131"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match:
    - uri: {exact: /reviews/0}
    route: [{destination: {host: reviews, subset: v2}}]
  - match:
    - uri: {exact: /reviews/0} # here
    - uri: {exact: /reviews/1}
    route: [{destination: {host: reviews, subset: v1}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match:
    - uri: {exact: /reviews/0}
    route: [{destination: {host: reviews, subset: v2}}]
  - match:
    - uri: {exact: /reviews/1}
    route: [{destination: {host: reviews, subset: v1}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(service) = VirtualService::of(case.object) else {
        return;
    };
    for shadow in shadowed(service) {
        if !shadow.is_rule && shadow.by == By::Same {
            found
                .at(shadow.node, "an earlier condition asks for the same")
                .fix(Fix::remove("remove the condition", shadow.node))
                .related(case.object, shadow.earlier, "the same condition");
        }
    }
}
