//! `VG0013`: an annotation of Istio that Istio does not know.

use super::{ANNOTATIONS, each};
use crate::nearest::nearest;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(13),
    name: "unknown-annotation",
    severity: Severity::Warning,
    says: "An annotation below `istio.io` is none that Istio reads.",
    consequence: "What it was to set is not in effect.",
    peers: &["IST0108"],
    kinds: &[
        POD,
        DEPLOYMENT,
        STATEFUL_SET,
        DAEMON_SET,
        SERVICE,
        NAMESPACE,
        VIRTUAL_SERVICE,
        DESTINATION_RULE,
        GATEWAY,
        SERVICE_ENTRY,
        AUTHORIZATION_POLICY,
        WORKLOAD_ENTRY,
        K8S_GATEWAY,
    ],
    needs: Config,
    fails: "apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata:
      labels: {app: cart}
      annotations:
        sidecar.istio.io/injekt: 'true' # here
    spec: {containers: [{name: cart, image: shop/cart}]}
",
    passes: "apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata:
      labels: {app: cart}
      annotations:
        sidecar.istio.io/inject: 'true'
        example.com/anything: x
    spec: {containers: [{name: cart, image: shop/cart}]}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    each(case, |key, node| {
        let domain = key.split('/').next().unwrap_or_default();
        // What Istio writes itself, and settings by port or container, have names of their own kind.
        let own = key.starts_with("internal.istio.io/")
            || key.starts_with("install.operator.istio.io/")
            || key.contains("kubectl");
        if !(domain == "istio.io" || domain.ends_with(".istio.io"))
            || own
            || key.starts_with("galley.istio.io/")
        {
            return;
        }
        if ANNOTATIONS.iter().any(|(known, _)| *known == key) {
            return;
        }
        let near = nearest(key, ANNOTATIONS.iter().map(|(known, _)| *known));
        let fix = near.and_then(|near| Fix::rename(format!("rename it to `{near}`"), node, near));
        found
            .at_key(node, format!("Istio knows no annotation `{key}`"))
            .fix(fix);
    });
}
