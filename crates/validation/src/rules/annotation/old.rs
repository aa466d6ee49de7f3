//! `VG0016`: an annotation is deprecated.

use super::{ANNOTATIONS, Form, each};
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(16),
    name: "deprecated-annotation",
    severity: Severity::Info,
    says: "The annotation is still read and has a successor.",
    consequence: "None today; a later version of Istio passes it over.",
    peers: &["IST0135"],
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
        sidecar.istio.io/rewriteAppHTTPProbers: 'true'
        alpha.istio.io/identity: x # here
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
        sidecar.istio.io/rewriteAppHTTPProbers: 'true'
    spec: {containers: [{name: cart, image: shop/cart}]}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    each(case, |key, node| {
        if let Some((_, Form::Old(instead))) = ANNOTATIONS.iter().find(|(known, _)| *known == key) {
            found.at_key(node, format!("`{key}` is deprecated: {instead}"));
        }
    });
}
