//! `VG1212`: TLS is started on a port on which callers speak TLS already.

use vigla_config::{DestinationRule, ServiceEntry};

use crate::{
    case::{at, items},
    rule::prelude::*,
};

pub(crate) static RULE: Rule = Rule {
    code: Code(1212),
    name: "tls-twice",
    severity: Severity::Warning,
    says: "A DestinationRule starts TLS towards a host of a ServiceEntry on a port whose protocol is HTTPS or TLS: \
           that word says that the application itself speaks TLS there. For TLS that the proxy starts, the port \
           that applications call is declared HTTP, with `targetPort` for the server's.",
    consequence: "TLS inside of TLS: the server closes the connection or answers garbage; callers see resets or 503.",
    peers: &[],
    kinds: &[DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: books, namespace: bookinfo}
spec:
  host: books.example
  trafficPolicy:
    tls:
      mode: SIMPLE # here
      caCertificates: system
",
    passes: "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: novels, namespace: bookinfo}
spec:
  hosts: [novels.example]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: novels, namespace: bookinfo}
spec:
  host: novels.example
  trafficPolicy:
    tls:
      mode: SIMPLE
      caCertificates: system
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = DestinationRule::of(case.object) else {
        return;
    };
    let Some(host) = rule.host() else { return };
    let fqdn = case.mesh.resolve(host, rule.namespace());
    let Host::Seen(info) = case.mesh.host(&fqdn, rule.namespace()) else {
        return;
    };
    let Some(entry) = ServiceEntry::of(info.object) else {
        return;
    };
    let Some(policy) = rule.traffic_policy().map(vigla_config::TrafficPolicy::node) else {
        return;
    };
    let starts = |policy: Node<'_>| {
        matches!(
            at(policy, "tls.mode").and_then(Node::text),
            Some("SIMPLE" | "MUTUAL")
        )
    };
    let mut told: Vec<Node<'_>> = Vec::new();
    for port in items(entry.object().spec(), "ports") {
        let number = port.get("number").and_then(Node::as_port);
        let protocol = port.get("protocol").and_then(Node::text).unwrap_or_default();
        if !matches!(protocol.to_ascii_uppercase().as_str(), "HTTPS" | "TLS") {
            continue;
        }
        // Settings of a port stand in place of all others.
        let of_port = items(Some(policy), "portLevelSettings")
            .find(|settings| at(*settings, "port.number").and_then(Node::as_port) == number);
        let decides = of_port.unwrap_or(policy);
        let Some(mode) = at(decides, "tls.mode").filter(|mode| starts(decides) && !told.contains(mode))
        else {
            continue;
        };
        told.push(mode);
        let number = number.map_or_else(String::new, |number| format!(" {number}"));
        let message = format!(
            "the proxy starts TLS on port{number} of `{host}`, whose protocol {protocol} says that callers do"
        );
        found.at(mode, message).likely().related(
            entry.object(),
            port.get("protocol").unwrap_or(port),
            "callers speak TLS here",
        );
    }
}
