//! `VG0015`: an annotation has a value that it does not take.

use super::{ANNOTATIONS, Form, each};
use crate::rule::prelude::*;
use crate::rules::semantic::is_network;

pub(crate) static RULE: Rule = Rule {
    code: Code(15),
    name: "invalid-annotation",
    severity: Severity::Warning,
    says: "The value of an annotation is of another form than it takes: a truth value, a number, a list of \
           ports or of networks.",
    consequence: "The pod is not made, or the annotation is passed over.",
    peers: &["IST0125"],
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
        sidecar.istio.io/inject: 'maybe' # here
        traffic.sidecar.istio.io/excludeOutboundPorts: '80,x' # here
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
        sidecar.istio.io/inject: 'false'
        traffic.sidecar.istio.io/excludeOutboundPorts: '80,443'
    spec: {containers: [{name: cart, image: shop/cart}]}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    each(case, |key, node| {
        let Some((_, form)) = ANNOTATIONS.iter().find(|(known, _)| *known == key) else {
            return;
        };
        let Some((value, _)) = node.raw() else { return };
        let mut parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
        let (good, wanted) = match form {
            Form::Any | Form::Old(_) => return,
            Form::Truth => (matches!(value, "true" | "false"), "true or false"),
            Form::Number => (value.parse::<u64>().is_ok(), "a whole number"),
            Form::Ports => (
                parts.all(|part| part == "*" || part.parse::<u16>().is_ok()),
                "a list of ports, with commas",
            ),
            Form::Networks => (
                parts.all(|part| part == "*" || is_network(part)),
                "a list of networks such as 10.0.0.0/8, with commas",
            ),
        };
        if !good {
            found.at(node, format!("`{value}` is not what `{key}` takes: {wanted}"));
        }
    });
}
