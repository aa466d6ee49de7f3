//! `VG1302`: a server's port is not to be reached from outside.

use vigla_config::{Gateway, TargetPort};

use crate::{case::at, mesh::meets, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1302),
    name: "gateway-port-not-on-service",
    severity: Severity::Warning,
    says: "A server of a Gateway listens on a port that no Service in front of the gateway's pods has.",
    consequence: "The gateway listens, and nobody reaches it: connections to the Service's address are refused.",
    peers: &["IST0162"],
    kinds: &[GATEWAY],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port:
      number: 8081 # here
      name: http
      protocol: HTTP
    hosts: [second.example]
",
    passes: "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port:
      number: 443
      name: https
      protocol: HTTPS
    tls: {mode: PASSTHROUGH}
    hosts: [second.example]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(gateway) = Gateway::of(case.object) else {
        return;
    };
    let selector = gateway.selector().unwrap_or_default();
    let mut ports: Vec<u16> = Vec::new();
    let mut services = 0;
    for pod in case.mesh.all_pods().filter(|pod| meets(&selector, &pod.labels)) {
        for service in case.mesh.services_selecting(&pod.namespace, &pod.labels) {
            services += 1;
            for port in &service.ports {
                ports.push(port.port);
                // Istio also takes a server's port for the container's.
                if let TargetPort::Number(target) = port.target {
                    ports.push(target);
                }
            }
        }
    }
    // Pods without a Service are reached in some other way.
    if services == 0 {
        return;
    }
    for server in gateway.servers() {
        let (Some(port), Some(node)) = (server.port(), at(server.node(), "port.number")) else {
            continue;
        };
        if !ports.contains(&port) {
            found.at(
                node,
                format!("no Service in front of the gateway's pods has port {port}"),
            );
        }
    }
}
