//! `VG3002`: a namespace says twice how its pods join the mesh.

use crate::case::at;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(3002),
    name: "two-injection-labels",
    severity: Severity::Warning,
    says: "A namespace has more than one of the labels `istio-injection`, `istio.io/rev` and \
           `istio.io/dataplane-mode`. `istio-injection` counts before `istio.io/rev`.",
    consequence: "Pods get the proxies of another revision than the label tells, or a sidecar where none is \
           wanted.",
    peers: &["IST0123"],
    kinds: &[NAMESPACE],
    needs: Config,
    fails: "apiVersion: v1
kind: Namespace
metadata:
  name: cellar
  labels:
    istio-injection: enabled
    istio.io/rev: canary # here
",
    passes: "apiVersion: v1
kind: Namespace
metadata:
  name: cellar
  labels:
    istio.io/rev: canary
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let labels = case.object.labels();
    if labels
        .get("istio-injection")
        .is_some_and(|value| value == "disabled")
    {
        return;
    }
    let Some(node) = at(case.object.root(), "metadata.labels") else {
        return;
    };
    let mut said = ["istio-injection", "istio.io/rev", "istio.io/dataplane-mode"]
        .into_iter()
        .filter_map(|key| Some((key, node.get(key)?)));
    let Some((first, _)) = said.next() else { return };
    for (key, value) in said {
        found
            .at(value, format!("`{key}` stands beside `{first}`"))
            .fix(Fix::remove(format!("remove `{key}`"), value));
    }
}
