//! `VG1313`: two Gateways ask for the same address.

use crate::case::{at, items};
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1313),
    name: "shared-address",
    severity: Severity::Error,
    says: "Two Gateways of the Gateway API ask for the same address, or one asks for it twice. (The peer \
           compares Gateways by name only, and takes two of one name in two namespaces for one.)",
    consequence: "One of them gets no address and listens nowhere.",
    peers: &["KIA1502"],
    kinds: &[K8S_GATEWAY],
    needs: Config,
    fails: "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: bookinfo}
spec:
  gatewayClassName: istio
  addresses: [{type: IPAddress, value: 192.0.2.1}] # here
  listeners: [{name: a, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  gatewayClassName: istio
  addresses:
  - {type: IPAddress, value: 192.0.2.1} # here
  listeners: [{name: a, port: 81, protocol: HTTP}]
",
    passes: "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: bookinfo}
spec:
  gatewayClassName: istio
  addresses: [{type: IPAddress, value: 192.0.2.1}]
  listeners: [{name: a, port: 80, protocol: HTTP}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let value = |node: Node<'_>| {
        (
            at(node, "type")
                .and_then(Node::text)
                .unwrap_or("IPAddress")
                .to_owned(),
            at(node, "value").and_then(Node::text).map(str::to_owned),
        )
    };
    for address in case.items("addresses") {
        let mine = value(address);
        if mine.1.is_none() {
            continue;
        }
        let other = case
            .mesh
            .all(K8S_GATEWAY)
            .flat_map(|object| items(object.spec(), "addresses").map(move |node| (object, node)))
            .find(|(_, node)| *node != address && value(*node) == mine);
        if let Some((object, node)) = other {
            let finding = found.at(
                address,
                format!("{} asks for this address too", object.object_ref()),
            );
            finding.related(object, node, "the same address");
            if std::ptr::eq(&**object, case.object) {
                finding.peers(&["KIA1503"]);
            }
        }
    }
}
