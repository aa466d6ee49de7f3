//! `VG2110`: callers send plain text to pods that take none.

use vigla_config::{DestinationRule, MtlsMode, Service, ServicePort, TargetPort};

use crate::rule::prelude::*;
use crate::{
    case::{at, items},
    mesh::{is_subdomain_pattern, meets},
};

pub(crate) static RULE: Rule = Rule {
    code: Code(2110),
    name: "plain-to-strict",
    severity: Severity::Error,
    says: "A DestinationRule tells callers how to speak TLS to a host (DISABLE, or TLS of their own), and a \
           PeerAuthentication asks the pods behind it for the mesh's mutual TLS (STRICT). Judged per port \
           and pod, not only for whole namespaces as the peers do.",
    consequence: "Connections are refused: callers get 503 (flags UF, URX), and the server's listener \
           counts a plaintext connection.",
    peers: &["KIA0207", "KIA0208"],
    kinds: &[DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  trafficPolicy:
    tls:
      mode: DISABLE # here
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: bookinfo}
spec: {mtls: {mode: STRICT}}
",
    passes: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  trafficPolicy:
    tls:
      mode: ISTIO_MUTUAL
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: bookinfo}
spec: {mtls: {mode: STRICT}}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = DestinationRule::of(case.object) else {
        return;
    };
    let Some(host) = rule.host() else { return };
    let pattern = case.mesh.resolve(host, rule.namespace());
    let services = case.mesh.services().iter();
    let fitting = services.filter(|service| is_subdomain_pattern(service.fqdn.as_str(), pattern.as_str()));
    let mut told: Vec<Node<'_>> = Vec::new();
    for service in fitting {
        for port in &service.ports {
            for policy in applying(rule, port.port) {
                let Some(mode) = at(policy, "tls.mode").filter(|mode| !told.contains(mode)) else {
                    continue;
                };
                if !matches!(mode.text(), Some("DISABLE" | "SIMPLE" | "MUTUAL")) {
                    continue;
                }
                let Some((policy, place)) = strict_behind(case.mesh, service, port) else {
                    continue;
                };
                told.push(mode);
                let message = format!(
                    "pods behind `{}` take the mesh's mutual TLS only on port {}, and callers do not speak it",
                    service.fqdn, port.port
                );
                let finding = found.at(mode, message);
                finding.related(policy, place, "mutual TLS is asked for here");
                if !host.starts_with('*') {
                    finding.peers(&[]);
                }
                if mode.text() == Some("DISABLE") {
                    finding.fix(Fix::replace("speak the mesh's mutual TLS", mode, "ISTIO_MUTUAL"));
                }
            }
        }
    }
}

/// The policies of a rule that decide on a port: of the rule itself and of its subsets.
fn applying<'a>(rule: DestinationRule<'a>, port: u16) -> Vec<Node<'a>> {
    let own = rule.traffic_policy().map(vigla_config::TrafficPolicy::node);
    let of_subsets = rule.subsets().filter_map(vigla_config::Subset::traffic_policy);
    own.into_iter()
        .chain(of_subsets.map(vigla_config::TrafficPolicy::node))
        .map(|policy| {
            items(Some(policy), "portLevelSettings")
                .find(|settings| at(*settings, "port.number").and_then(Node::as_port) == Some(port))
                .unwrap_or(policy)
        })
        .collect()
}

/// The PeerAuthentication that asks a pod behind a service's port for mutual TLS, and where it says so.
fn strict_behind<'m>(
    mesh: &'m Mesh<'_>,
    service: &Service,
    port: &ServicePort,
) -> Option<(&'m Object, Node<'m>)> {
    let selector = service.selector.as_ref()?;
    let pods = mesh.pods(&service.namespace).iter();
    let behind = pods.filter(|pod| meets(selector, &pod.labels));
    let found = behind.filter_map(|pod| {
        let container = match &port.target {
            TargetPort::Number(number) => *number,
            TargetPort::Name(name) => pod.ports().find(|(named, _)| *named == Some(&**name))?.1,
        };
        let effective = mesh.peer_authentication(&pod.namespace, &pod.labels, container);
        effective.origin.filter(|_| effective.mode == MtlsMode::Strict)
    });
    let origin = found.into_iter().next()?;
    let object = mesh.find(&origin.object)?;
    let place = object.root().find(&origin.path.parse().ok()?)?;
    Some((object, place))
}
