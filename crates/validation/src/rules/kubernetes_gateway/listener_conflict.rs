//! `VG1312`: two listeners of a Gateway are the same.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1312),
    name: "listener-conflict",
    severity: Severity::Error,
    says: "Two listeners of a Gateway of the Gateway API have the same port, protocol and host name.",
    consequence: "Both are marked as in conflict, and none of them takes traffic.",
    peers: &["KIA1501"],
    kinds: &[K8S_GATEWAY],
    needs: Config,
    fails: "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: bookinfo}
spec:
  gatewayClassName: istio
  listeners:
  - {name: a, port: 80, protocol: HTTP}
  - {name: b, port: 80, protocol: HTTP} # here
",
    passes: "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: bookinfo}
spec:
  gatewayClassName: istio
  listeners:
  - {name: a, port: 80, protocol: HTTP, hostname: a.example}
  - {name: b, port: 80, protocol: HTTP, hostname: b.example}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let listeners: Vec<Node<'_>> = case.items("listeners").collect();
    let key = |listener: &Node<'_>| {
        ["port", "protocol", "hostname"].map(|key| listener.get(key).and_then(Node::text).map(str::to_owned))
    };
    for (index, listener) in listeners.iter().enumerate() {
        if let Some(before) = listeners[..index]
            .iter()
            .find(|before| key(before) == key(listener))
        {
            found
                .at(
                    *listener,
                    "another listener has the same port, protocol and host name",
                )
                // The peer compares whole Gateways, not listeners of one.
                .peers(&[])
                .related(case.object, *before, "the other listener");
        }
    }
}
