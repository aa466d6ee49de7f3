//! `VG1201`: a DestinationRule is for a host that is nowhere in the mesh.

use vigla_config::DestinationRule;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1201),
    name: "unknown-rule-host",
    severity: Severity::Warning,
    says: "A DestinationRule's host is that of no Service and no ServiceEntry. A name without a dot is a service of \
           the rule's own namespace; a name with one is taken as it stands.",
    consequence: "The rule does nothing: subsets, TLS, limits and outlier detection that it tells are not in effect.",
    peers: &["KIA0202", "IST0174"],
    kinds: &[DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: shop}
spec:
  host: ratings # here
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
",
    passes: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = DestinationRule::of(case.object) else {
        return;
    };
    let (Some(node), Some(host)) = (case.spec().and_then(|spec| spec.get("host")), rule.host()) else {
        return;
    };
    // Wide rules for the whole mesh are there before its services are.
    if host == "*"
        || host.ends_with(".clusterset.local")
        || host == format!("*.{}", case.mesh.settings().domain)
        || host == "*.local"
    {
        return;
    }
    let fqdn = case.mesh.resolve(host, rule.namespace());
    let hidden = matches!(case.mesh.host(&fqdn, rule.namespace()), Host::Hidden(_));
    if hidden || case.mesh.any_host(&fqdn, rule.namespace()) {
        return;
    }
    let fix = case
        .mesh
        .nearest_host(host, rule.namespace())
        .and_then(|near| Fix::replace(format!("use host `{near}`"), node, &near));
    let message = if fqdn.as_str() == host {
        format!("no Service and no ServiceEntry has the host `{host}`")
    } else {
        format!("no Service and no ServiceEntry has the host `{host}` (`{fqdn}`)")
    };
    found.at(node, message).fix(fix);
}
