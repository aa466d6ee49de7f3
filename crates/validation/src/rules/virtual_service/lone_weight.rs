//! `VG1010`: the only destination of a route has a weight.

use vigla_config::VirtualService;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1010),
    name: "lone-weight",
    severity: Severity::Warning,
    says: "A route has one destination only, with a weight other than 100. A weight is a share among several \
           destinations; alone it means nothing, unlike what a reader expects of it.",
    consequence: "All requests of the route go to the destination; none is dropped or sent elsewhere.",
    peers: &["KIA1104"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v2}
      weight: 10 # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v1}
      weight: 90
    - destination: {host: reviews, subset: v2}
      weight: 10
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    for routes in super::routes(rule) {
        let [only] = routes.as_slice() else { continue };
        let (Some(weight), Some(node)) = (only.weight(), only.field("weight")) else {
            continue;
        };
        if (1..100).contains(&weight) {
            found
                .at(
                    node,
                    format!("the only destination has weight {weight}, and gets all requests"),
                )
                .fix(Fix::remove("remove the weight", node));
        }
    }
}
