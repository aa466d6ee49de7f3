//! `VG1307`: two Gateways on the same pods share a certificate.

use vigla_config::Gateway;

use crate::case::at;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1307),
    name: "shared-certificate",
    severity: Severity::Warning,
    says: "Two Gateways on the same pods show the same certificate for different hosts on one port. A \
           browser that has a connection to one of the hosts sends requests for the other on it, when the \
           certificate is good for both.",
    consequence: "Requests arrive at the routes of the wrong Gateway and get 404; it comes and goes with \
           the browser's connections.",
    peers: &["IST0138"],
    kinds: &[GATEWAY],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: first, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls:
      mode: SIMPLE
      credentialName: wild # here
    hosts: [a.example]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls:
      mode: SIMPLE
      credentialName: wild # here
    hosts: [b.example]
---
apiVersion: v1
kind: Secret
metadata: {name: wild, namespace: istio-system}
type: kubernetes.io/tls
",
    passes: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: first, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    tls:
      mode: SIMPLE
      credentialName: wild
    hosts: [a.example, b.example]
---
apiVersion: v1
kind: Secret
metadata: {name: wild, namespace: istio-system}
type: kubernetes.io/tls
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(gateway) = Gateway::of(case.object) else {
        return;
    };
    for server in gateway.servers() {
        let Some(node) = at(server.node(), "tls.credentialName") else {
            continue;
        };
        let other = case.mesh.gateways().find_map(|other| {
            if std::ptr::eq(other.object(), case.object) || other.selector() != gateway.selector() {
                return None;
            }
            let mut servers = other
                .servers()
                .filter(|candidate| candidate.port() == server.port());
            let theirs = servers.find_map(|candidate| {
                at(candidate.node(), "tls.credentialName").filter(|theirs| theirs.text() == node.text())
            })?;
            Some((other, theirs))
        });
        if let Some((other, theirs)) = other {
            let message = format!(
                "{} shows the certificate `{}` on the same port too",
                other.object().object_ref(),
                node.text().unwrap_or_default()
            );
            found
                .at(node, message)
                .related(other.object(), theirs, "the same certificate");
        }
    }
}
