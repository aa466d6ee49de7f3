//! `VG0001`: a text is no YAML.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1),
    name: "not-yaml",
    severity: Severity::Error,
    says: "A document is no YAML, or costs more to read than any object may. Other documents of the same \
           text are read all the same.",
    consequence: "The document cannot be applied; nothing of it is in effect.",
    peers: &[],
    kinds: &[],
    needs: Config,
    fails: "apiVersion: v1
kind: [Service # here
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec: {selector: {app: productpage}, ports: [{name: http, port: 9080}]}
",
    passes: "apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec: {selector: {app: productpage}, ports: [{name: http, port: 9080}]}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    // The reader of the text finds this; see `engine`.
    let _ = (case, found);
}
