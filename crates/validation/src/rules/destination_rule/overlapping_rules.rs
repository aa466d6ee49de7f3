//! `VG1204`: two DestinationRules of a namespace are for the same host and disagree.

use vigla_config::DestinationRule;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1204),
    name: "overlapping-rules",
    severity: Severity::Warning,
    says: "Two DestinationRules of one namespace are for the same host, and both have a subset of the same name or \
           both have a top-level traffic policy. Istio merges them: of two the older one counts. Rules that do not \
           meet (one has subsets, the other a policy) are merged as one would wish, and nothing is said.",
    consequence: "One of the two subsets or policies is ignored, which one depends on age and name.",
    peers: &["KIA0201"],
    kinds: &[DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings-a, namespace: bookinfo}
spec:
  host: ratings
  trafficPolicy: # here
    loadBalancer: {simple: RANDOM}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings-b, namespace: bookinfo}
spec:
  host: ratings.bookinfo.svc.cluster.local
  trafficPolicy: # here
    loadBalancer: {simple: LEAST_REQUEST}
",
    passes: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings-a, namespace: bookinfo}
spec:
  host: ratings
  trafficPolicy:
    loadBalancer: {simple: RANDOM}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings-b, namespace: bookinfo}
spec:
  host: ratings.bookinfo.svc.cluster.local
  subsets: [{name: v1, labels: {version: v1}}]
",
    check,
};

/// Rules of one host that are looked at: with more, the first ones tell enough.
const MOST: usize = 20;

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = DestinationRule::of(case.object) else {
        return;
    };
    let Some(host) = rule.host() else { return };
    let fqdn = case.mesh.resolve(host, rule.namespace());
    let same: Vec<DestinationRule<'_>> = case
        .mesh
        .destination_rules_named(rule.namespace(), &fqdn)
        .filter(|other| other.workload_selector() == rule.workload_selector())
        .take(MOST)
        .collect();
    let others = || {
        same.iter()
            .filter(|other| !std::ptr::eq(other.object(), rule.object()))
    };
    let winner = |other: &DestinationRule<'_>| {
        let first = same.iter().find(|candidate| {
            std::ptr::eq(candidate.object(), rule.object())
                || std::ptr::eq(candidate.object(), other.object())
        });
        first.is_some_and(|first| std::ptr::eq(first.object(), rule.object()))
    };
    if let Some(policy) = rule.traffic_policy()
        && let Some((other, theirs)) = others().find_map(|other| Some((other, other.traffic_policy()?)))
    {
        let verdict = if winner(other) {
            "this one counts"
        } else {
            "the other one counts"
        };
        found
            .at_key(
                policy.node(),
                format!(
                    "{} has a traffic policy for `{host}` too: {verdict}",
                    other.object().object_ref()
                ),
            )
            .related(other.object(), theirs.node(), "the other policy");
    }
    for subset in rule.subsets() {
        let same_name = others().find_map(|other| {
            let theirs = other.subsets().find(|theirs| theirs.name() == subset.name())?;
            Some((other, theirs))
        });
        if let Some((other, theirs)) = same_name {
            let verdict = if winner(other) {
                "this one counts"
            } else {
                "the other one counts"
            };
            let message = format!(
                "{} has a subset `{}` for `{host}` too: {verdict}",
                other.object().object_ref(),
                subset.name()
            );
            let place = subset.node().get("name").unwrap_or(subset.node());
            found
                .at(place, message)
                .related(other.object(), theirs.node(), "the other subset");
        }
    }
}
