//! `VG1605`: a fault turns off timeout and retries.

use crate::rule::prelude::*;
use vigla_config::VirtualService;

pub(crate) static RULE: Rule = Rule {
    code: Code(1605),
    name: "fault-beside-retries",
    severity: Severity::Warning,
    says: "A rule with `fault` has a timeout or retries too. Faults are made in the caller's own proxy \
           before a request is sent, so that neither is in effect for them: a delay longer than the timeout \
           is waited out, an abort is not tried again.",
    consequence: "A test of timeouts or retries by this fault tests nothing.",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - fault: # here
      delay: {percentage: {value: 100}, fixedDelay: 5s}
    timeout: 2s
    route: [{destination: {host: reviews}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - fault:
      delay: {percentage: {value: 10}, fixedDelay: 5s}
    route: [{destination: {host: reviews}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(service) = VirtualService::of(case.object) else {
        return;
    };
    for rule in service.http() {
        let Some(fault) = rule.field("fault") else {
            continue;
        };
        for key in ["timeout", "retries"] {
            let off = |node: &Node<'_>| {
                rule.timeout()
                    .is_some_and(|time| time.is_zero() && key == "timeout")
                    || node.get("attempts").and_then(Node::as_i64) == Some(0)
            };
            if let Some(node) = rule.field(key).filter(|node| !off(node)) {
                found
                    .at_key(
                        fault,
                        format!("faults are not subject to the `{key}` beside them"),
                    )
                    .related(case.object, node, format!("the `{key}` of the same rule"));
                break;
            }
        }
    }
}
