//! `VG1005`: a VirtualService is for a Gateway that does not exist.

use vigla_config::VirtualService;

use super::gateways::{references, resolve};
use crate::{nearest::nearest, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1005),
    name: "unknown-gateway",
    severity: Severity::Error,
    says: "A VirtualService, or one of its conditions, names a Gateway that does not exist. A name without `/` is \
           a Gateway of the VirtualService's own namespace, not of the one where the gateway's pods run.",
    consequence: "The routes reach no gateway: callers from outside get 404, or no listener at all.",
    peers: &["KIA1102", "IST0101"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [bookinfo.example]
  gateways:
  - istio-system/edge # here
  http:
  - route:
    - destination: {host: productpage}
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [bookinfo.example]
  gateways:
  - edge
  http:
  - route:
    - destination: {host: productpage}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    let home = rule.namespace().as_str();
    for node in references(rule) {
        let Some(written) = node.text() else { continue };
        let (namespace, name) = resolve(written, home);
        // Gateways that Istio makes of Gateway API objects are another matter (VG1007).
        if written.contains(super::internal_gateway::INTERNAL)
            || case.mesh.named(GATEWAY, &namespace, &name).is_some()
        {
            continue;
        }
        let all: Vec<String> = case
            .mesh
            .gateways()
            .map(|gateway| {
                let object = gateway.object();
                if object.namespace() == rule.namespace() {
                    object.name().to_owned()
                } else {
                    format!("{}/{}", object.namespace(), object.name())
                }
            })
            .collect();
        // One of the same name elsewhere is meant more often than a slip.
        let same = all
            .iter()
            .find(|other| other.rsplit('/').next() == Some(name.as_str()))
            .map(String::as_str);
        let fix = same
            .or_else(|| nearest(written, all.iter().map(String::as_str)))
            .and_then(|near| Fix::replace(format!("use Gateway `{near}`"), node, near));
        found
            .at(
                node,
                format!("there is no Gateway `{name}` in namespace `{namespace}`"),
            )
            .fix(fix);
    }
}
