//! `VG1211`: a caller's DestinationRule hides that of the service's owner.

use std::collections::BTreeSet;

use vigla_config::DestinationRule;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1211),
    name: "owner-rule-hidden",
    severity: Severity::Info,
    says: "A DestinationRule in the callers' namespace is for a host whose owner has a rule too. The two are not \
           merged: for callers here only this one counts, and it lacks subsets or settings that the owner's has.",
    consequence: "Callers of this namespace lose what the owner's rule tells: subsets (503 where routes name them), \
                  TLS, limits.",
    peers: &[],
    kinds: &[DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: cart, image: shop/cart}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec:
  host: reviews.bookinfo.svc.cluster.local # here
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
",
    passes: "apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: cart, image: shop/cart}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec:
  host: reviews.bookinfo.svc.cluster.local
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = DestinationRule::of(case.object).filter(|rule| rule.workload_selector().is_none())
    else {
        return;
    };
    let (Some(node), Some(host)) = (case.spec().and_then(|spec| spec.get("host")), rule.host()) else {
        return;
    };
    let fqdn = case.mesh.resolve(host, rule.namespace());
    let Host::Seen(info) = case.mesh.host(&fqdn, rule.namespace()) else {
        return;
    };
    let owner = info.object.namespace();
    if owner == rule.namespace() || rule.namespace() == case.mesh.root() {
        return;
    }
    let own: BTreeSet<&str> = rule.subsets().map(vigla_config::Subset::name).collect();
    let says = |rule: DestinationRule<'_>, key: &str| {
        let policy = rule.traffic_policy();
        policy.is_some_and(|policy| policy.node().get(key).is_some())
    };
    for other in case.mesh.destination_rules_named(owner, &fqdn) {
        if !crate::mesh::is_visible(other.export_to(), owner, rule.namespace()) {
            continue;
        }
        let mut lost: Vec<String> = other
            .subsets()
            .filter(|subset| !own.contains(subset.name()))
            .map(|subset| format!("subset `{}`", subset.name()))
            .collect();
        let settings = ["tls", "connectionPool", "outlierDetection"];
        lost.extend(
            settings
                .into_iter()
                .filter(|key| says(other, key) && !says(rule, key))
                .map(|key| format!("`{key}`")),
        );
        if !lost.is_empty() {
            let message = format!(
                "for callers of `{}` this hides {} of the owner's rule",
                rule.namespace(),
                lost.join(", ")
            );
            found
                .at(node, message)
                .related(other.object(), other.object().root(), "the owner's rule");
        }
    }
}
