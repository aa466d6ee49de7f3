//! `VG1003`: a route leaves the port open, and the one that is taken does not exist.

use vigla_config::VirtualService;

use super::gateways::gateways_of;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1003),
    name: "port-needed",
    severity: Severity::Error,
    says: "A route names no port, and its host has several. Istio then takes the port on which the request came \
           in: that of the called service, or of the gateway's server. Here the host has no such port. \
           (`istioctl analyze` reports every route to a host with several ports; where the same port exists \
           on both sides, the route works, and nothing is said here.)",
    consequence: "Requests that take this route are answered with 503 (no cluster, flag NC).",
    peers: &["IST0112"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: bookinfo}
spec:
  hosts: [bookinfo.example]
  gateways: [edge]
  http:
  - route:
    - destination: # here
        host: ratings
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination:
        host: ratings
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    let mut listening: Option<Vec<u16>> = None;
    for destination in rule.destinations() {
        let (None, Some(host)) = (destination.field("port"), destination.host()) else {
            continue;
        };
        let fqdn = case.mesh.resolve(host, rule.namespace());
        let Host::Seen(info) = case.mesh.host(&fqdn, rule.namespace()) else {
            continue;
        };
        if info.ports.len() < 2 {
            continue;
        }
        let listening = listening.get_or_insert_with(|| listening_ports(case.mesh, rule));
        let mut lacking = listening
            .iter()
            .filter(|&&port| info.ports.iter().all(|candidate| candidate.port != port));
        let Some(port) = lacking.next() else { continue };
        let message = format!(
            "the port is left open: requests that come in on port {port} look for it at `{host}`, which has no such port"
        );
        let choice = info.ports.iter().find(|candidate| candidate.protocol.is_http());
        let fix = choice.or(info.ports.first()).and_then(|choice| {
            let value = format!("{{number: {}}}", choice.port);
            Fix::add(
                format!("add port {}", choice.port),
                destination.node(),
                "port",
                &value,
            )
        });
        found.missing(destination.node(), "port", message).fix(fix);
    }
}

/// Ports on which requests for a VirtualService come in, as far as its hosts and gateways are known.
fn listening_ports(mesh: &Mesh<'_>, rule: VirtualService<'_>) -> Vec<u16> {
    let mut ports = Vec::new();
    if rule.is_for_mesh() {
        for host in rule.hosts().filter_map(Node::text) {
            let fqdn = mesh.resolve(host, rule.namespace());
            if let Host::Seen(info) = mesh.host(&fqdn, rule.namespace()) {
                ports.extend(info.ports.iter().map(|port| port.port));
            }
        }
    }
    for gateway in gateways_of(mesh, rule) {
        ports.extend(gateway.servers().filter_map(vigla_config::Server::port));
    }
    ports
}
