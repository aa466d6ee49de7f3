//! `VG1711`: a VirtualService without hosts, to which nothing delegates.

use vigla_config::VirtualService;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1711),
    name: "orphan-delegate",
    severity: Severity::Warning,
    says: "A VirtualService without `hosts` holds routes for others that delegate to it, and none does. It is taken \
           without complaint.",
    consequence: "It routes nothing. Requests to the services that it names go on as if it were not there.",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec: # here
  http:
  - route:
    - destination:
        host: reviews
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
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    let Some(spec) = case.spec() else { return };
    // With gateways, tls or tcp it is refused (VG0008).
    let refused = ["gateways", "tls", "tcp"]
        .into_iter()
        .any(|key| spec.get(key).is_some_and(|list| list.items().next().is_some()));
    let name = case.object.name();
    let namespace = rule.namespace().as_str();
    if refused || rule.hosts().next().is_some() || case.mesh.is_delegate(namespace, name) {
        return;
    }
    // When all routes lead to one host, that is the one that was meant.
    let mut hosts: Vec<&str> = rule
        .destinations()
        .filter_map(vigla_config::Destination::host)
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    let fix = match hosts.as_slice() {
        [host] => Fix::add(
            format!("add `hosts: [{host}]`"),
            spec,
            "hosts",
            &format!("[{host}]"),
        ),
        _ => None,
    };
    let message = format!(
        "without `hosts` this is a delegate, and no VirtualService delegates to `{name}` of namespace `{namespace}`"
    );
    found.missing(spec, "hosts", message).fix(fix);
}
