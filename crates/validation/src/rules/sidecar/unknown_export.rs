//! `VG1507`: exportTo names a namespace that does not exist.

use crate::nearest::nearest;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1507),
    name: "unknown-export-namespace",
    severity: Severity::Error,
    says: "An entry of `exportTo` is neither `.` nor `*` (for a ServiceEntry also `~`) and names no \
           namespace that exists. (The peer reports `~` of a ServiceEntry, which means that nobody sees it, \
           and is right.)",
    consequence: "Nobody in the namespace that was meant sees the object.",
    peers: &["KIA0005"],
    kinds: &[VIRTUAL_SERVICE, DESTINATION_RULE, SERVICE_ENTRY],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  exportTo:
  - shopp # here
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
",
    passes: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  exportTo:
  - shop
  - .
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for node in case.items("exportTo") {
        let Some(name) = node.text() else { continue };
        let known = case.mesh.known_namespaces();
        if matches!(name, "." | "*" | "~") || known.contains(name) {
            continue;
        }
        let near = nearest(name, known.iter().map(vigla_model::Namespace::as_str));
        let fix = near.and_then(|near| Fix::replace(format!("use namespace `{near}`"), node, near));
        found.at(node, format!("there is no namespace `{name}`")).fix(fix);
    }
}
