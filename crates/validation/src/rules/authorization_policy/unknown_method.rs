//! `VG2003`: a policy names a method that does not exist.

use super::{fits, operations};
use crate::rule::prelude::*;
use crate::{case::items, nearest::nearest};

pub(crate) static RULE: Rule = Rule {
    code: Code(2003),
    name: "unknown-method",
    severity: Severity::Warning,
    says: "An entry of `methods` or `notMethods` fits no method of HTTP. Methods are written in capitals; \
           gRPC calls are POST, and are told apart by `paths`.",
    consequence: "No request meets the condition.",
    peers: &["KIA0102"],
    kinds: &[AUTHORIZATION_POLICY],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: bookinfo}
spec:
  rules:
  - to:
    - operation:
        methods:
        - get # here
",
    passes: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: bookinfo}
spec:
  rules:
  - to:
    - operation:
        methods:
        - GET
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    const METHODS: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE",
    ];
    for (operation, key) in operations(case).flat_map(|operation| {
        ["methods", "notMethods"]
            .into_iter()
            .map(move |key| (operation, key))
    }) {
        for node in items(Some(operation), key) {
            let Some(name) = node.text() else { continue };
            if METHODS.iter().any(|method| fits(name, method)) {
                continue;
            }
            let fix = nearest(name, METHODS).and_then(|near| Fix::replace(format!("use {near}"), node, near));
            let finding = found
                .at(node, format!("`{name}` fits no method of HTTP"))
                .fix(fix)
                .likely();
            if key == "notMethods" {
                finding
                    .peers(&[])
                    .consequence("Every request meets the condition.");
            }
        }
    }
}
