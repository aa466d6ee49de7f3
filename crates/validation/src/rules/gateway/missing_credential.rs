//! `VG1305`: a server's certificate is in a Secret that does not exist.

use vigla_config::Gateway;

use crate::{case::at, mesh::meets, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1305),
    name: "missing-credential",
    severity: Severity::Error,
    says: "`credentialName` of a server names a Secret that does not exist in the namespace of the gateway's pods \
           (which is not always the Gateway's own).",
    consequence: "The gateway has no certificate for these hosts: TLS handshakes fail.",
    peers: &["IST0101"],
    kinds: &[GATEWAY],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls:
      mode: SIMPLE
      credentialName: safe-example # here
    hosts: [safe.example]
---
apiVersion: v1
kind: Secret
metadata: {name: safe-example, namespace: bookinfo}
type: kubernetes.io/tls
",
    passes: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls:
      mode: SIMPLE
      credentialName: safe-example
    hosts: [safe.example]
---
apiVersion: v1
kind: Secret
metadata: {name: safe-example, namespace: istio-system}
type: kubernetes.io/tls
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(gateway) = Gateway::of(case.object) else {
        return;
    };
    let selector = gateway.selector().unwrap_or_default();
    let mut namespaces: Vec<&str> = case
        .mesh
        .all_pods()
        .filter(|pod| meets(&selector, &pod.labels))
        .map(|pod| pod.namespace.as_str())
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    // Secrets are seldom kept with the rest of the config; where none is at hand, this is a guess.
    let any_secret = case.mesh.all(SECRET).next().is_some();
    for server in gateway.servers() {
        let Some(node) = at(server.node(), "tls.credentialName") else {
            continue;
        };
        let Some(name) = node.text().filter(|name| !name.is_empty()) else {
            continue;
        };
        // `kubernetes-gateway://` and `configmap://` say where the certificate is in other ways.
        if name.contains("://") {
            continue;
        }
        for namespace in namespaces
            .iter()
            .filter(|namespace| case.mesh.named(SECRET, namespace, name).is_none())
        {
            let finding = found.at(
                node,
                format!(
                    "there is no Secret `{name}` in namespace `{namespace}`, where the gateway's pods run"
                ),
            );
            if !any_secret {
                finding.likely();
            }
        }
    }
}
