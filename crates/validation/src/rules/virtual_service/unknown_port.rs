//! `VG1002`: a route leads to a port that its host does not have.

use vigla_config::VirtualService;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1002),
    name: "unknown-port",
    severity: Severity::Error,
    says: "A route names a port that the Service or ServiceEntry of its host does not have. It is the service's \
           port that is meant, not the container's.",
    consequence: "Requests that take this route are answered with 503 (no cluster, flag NC).",
    peers: &["IST0101"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination:
        host: reviews
        port:
          number: 8080 # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination:
        host: reviews
        port:
          number: 9080
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    for destination in rule.destinations() {
        let node = destination.field("port").and_then(|port| port.get("number"));
        let (Some(node), Some(port), Some(host)) = (node, destination.port(), destination.host()) else {
            continue;
        };
        let fqdn = case.mesh.resolve(host, rule.namespace());
        let Host::Seen(info) = case.mesh.host(&fqdn, rule.namespace()) else {
            continue;
        };
        // An ExternalName without ports takes the caller's.
        if info.ports.is_empty() || info.ports.iter().any(|candidate| candidate.port == port) {
            continue;
        }
        let ports: Vec<String> = info
            .ports
            .iter()
            .map(|candidate| candidate.port.to_string())
            .collect();
        let fix = match info.ports.as_slice() {
            [only] => Fix::replace(format!("use port {}", only.port), node, &only.port.to_string()),
            _ => None,
        };
        let message = format!("`{host}` has no port {port}, only {}", ports.join(", "));
        let place = info.object.spec().and_then(|spec| spec.get("ports"));
        found.at(node, message).fix(fix).related(
            info.object,
            place.unwrap_or(info.object.root()),
            "the ports are written here",
        );
    }
}
