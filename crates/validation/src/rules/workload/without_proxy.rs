//! `VG3003`: a pod of an injected namespace has no proxy.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(3003),
    name: "pod-without-proxy",
    severity: Severity::Warning,
    says: "A pod that exists already, in a namespace whose pods get proxies, has none: it was made before \
           the namespace got its label, or the webhook was not asked.",
    consequence: "The pod is outside of the mesh: it is refused by pods that ask for mutual TLS, and nobody \
           measures it.",
    peers: &["IST0103"],
    kinds: &[POD],
    needs: Config,
    fails: "apiVersion: v1
kind: Pod
metadata:
  namespace: bookinfo
  name: ratings-0 # here
  labels: {app: ratings, version: v1}
spec: {containers: [{name: app, image: bookinfo/ratings}]}
status: {phase: Running}
",
    passes: "apiVersion: v1
kind: Pod
metadata:
  namespace: bookinfo
  name: ratings-0
  labels: {app: ratings, version: v1}
spec: {containers: [{name: app, image: bookinfo/ratings}, {name: istio-proxy, image: istio/proxyv2}]}
status: {phase: Running}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    // A pod that is only written gets its proxy when it is made.
    let Some(_) = case.object.root().get("status") else {
        return;
    };
    let namespace = case
        .mesh
        .all(NAMESPACE)
        .find(|object| *object.name() == *case.namespace().as_str());
    let injected = namespace.is_some_and(|object| {
        object
            .labels()
            .get("istio-injection")
            .is_some_and(|value| value == "enabled")
    });
    let opted_out = [case.object.labels(), case.object.annotations()]
        .into_iter()
        .any(|map| {
            map.get("sidecar.istio.io/inject")
                .is_some_and(|value| value == "false")
        });
    let on_host = case
        .spec()
        .and_then(|spec| spec.get("hostNetwork")?.as_bool())
        .unwrap_or(false);
    let proxied = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|key| case.items(key).collect::<Vec<_>>())
        .any(|container| container.get("name").and_then(Node::text) == Some("istio-proxy"));
    if injected && !opted_out && !on_host && !proxied {
        found.object("the pod has no proxy, though its namespace asks for one");
    }
}
