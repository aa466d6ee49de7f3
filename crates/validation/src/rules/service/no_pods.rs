//! `VG3106`: a Service is in front of nothing.

use crate::mesh::meets;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(3106),
    name: "service-without-pods",
    severity: Severity::Info,
    says: "The selector of a Service chooses no pod of its namespace.",
    consequence: "Callers get 503 (no healthy upstream, flag UH).",
    peers: &[],
    kinds: &[SERVICE],
    needs: Config,
    fails: "apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec:
  selector: # here
    app: productpages
  ports: [{name: http, port: 8080}]
",
    passes: "apiVersion: v1
kind: Service
metadata: {name: web, namespace: bookinfo}
spec:
  selector:
    app: productpage
  ports: [{name: http, port: 9080}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(node) = case.spec().and_then(|spec| spec.get("selector")) else {
        return;
    };
    let selector = node.string_map();
    let pods = case.mesh.pods(case.namespace());
    if selector.is_empty() || pods.iter().any(|pod| meets(&selector, &pod.labels)) {
        return;
    }
    let (message, fix) = crate::rules::selection::nothing_chosen_by(case, node, &selector);
    found.at_key(node, message).fix(fix).likely();
}
