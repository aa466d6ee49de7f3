//! `VG1012`: a gateway's route to a host passes by the split among its subsets.

use vigla_config::VirtualService;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1012),
    name: "bypassed-subsets",
    severity: Severity::Warning,
    says: "A VirtualService for a gateway leads to a host without a subset, while another VirtualService, for \
           sidecars, spreads that host's requests among subsets. A gateway follows its own routes only.",
    consequence: "Requests that come in by the gateway reach all versions of the service, whatever the split says.",
    peers: &["IST0140"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http: [{route: [{destination: {host: reviews, subset: v1}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [bookinfo.example]
  gateways: [edge]
  http:
  - route:
    - destination:
        host: reviews # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews, bookinfo.example]
  gateways: [mesh, edge]
  http: [{route: [{destination: {host: reviews, subset: v1}}]}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    if rule.gateways().next().is_none() || rule.is_for_mesh() {
        return;
    }
    for destination in rule.destinations() {
        let (Some(node), Some(host), None) = (
            destination.field("host"),
            destination.host(),
            destination.subset(),
        ) else {
            continue;
        };
        let fqdn = case.mesh.resolve(host, rule.namespace());
        let splits = case
            .mesh
            .virtual_services_named(&fqdn)
            .filter(|other| other.is_for_mesh())
            .find_map(|other| {
                let to = other.destinations().find(|to| {
                    let same = to.host().map(|host| case.mesh.resolve(host, other.namespace()));
                    to.subset().is_some() && same.as_ref() == Some(&fqdn)
                })?;
                Some((other, to))
            });
        if let Some((other, to)) = splits {
            let message = format!(
                "the gateway sends to all of `{host}`, past the subsets of {}",
                other.object().object_ref()
            );
            found
                .at(node, message)
                .related(other.object(), to.node(), "sidecars choose a subset here");
        }
    }
}
