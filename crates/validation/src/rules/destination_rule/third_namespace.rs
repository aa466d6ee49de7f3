//! `VG1210`: a DestinationRule stands where no proxy looks for it.

use vigla_config::DestinationRule;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1210),
    name: "rule-in-third-namespace",
    severity: Severity::Warning,
    says: "A proxy looks for DestinationRules in its own namespace, in the service's, and in the root namespace, \
           whatever `exportTo` says. This rule stands in none of the last two, and no pods run in its own.",
    consequence: "No proxy uses the rule: subsets, TLS, limits and outlier detection that it tells are not in effect.",
    peers: &[],
    kinds: &[DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: shop}
spec:
  host: ratings.bookinfo.svc.cluster.local # here
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
",
    passes: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: istio-system}
spec:
  host: ratings.bookinfo.svc.cluster.local
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
    let fqdn = case.mesh.resolve(host, rule.namespace());
    let Host::Seen(info) = case.mesh.host(&fqdn, rule.namespace()) else {
        return;
    };
    let home = rule.namespace();
    let service = info.object.namespace();
    if home == service
        || home == case.mesh.root()
        || !case.mesh.pods(home).is_empty()
        || host.starts_with('*')
    {
        return;
    }
    let message = format!(
        "rules for `{host}` are looked for in namespaces `{service}` and `{}` and in the caller's; here, in `{home}`, no pods run",
        case.mesh.root()
    );
    found
        .at(node, message)
        .related(info.object, info.object.root(), "the host is defined here");
}
