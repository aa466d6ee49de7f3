//! `VG1203`: a subset has no labels.

use vigla_config::DestinationRule;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1203),
    name: "subset-without-labels",
    severity: Severity::Warning,
    says: "A subset has no labels and so chooses all endpoints of its host. That is of use only to give the whole \
           service another traffic policy under a name.",
    consequence: "Requests to this subset reach every version of the service.",
    peers: &["KIA0209"],
    kinds: &[DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  subsets:
  - name: v1 # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  subsets:
  - name: v1
    labels: {version: v1}
  - name: sticky
    trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = DestinationRule::of(case.object) else {
        return;
    };
    for subset in rule.subsets() {
        // With a policy of its own it has a purpose, which the peer does not see.
        if subset.labels().is_empty() && subset.traffic_policy().is_none() {
            let node = subset.node().get("labels").or_else(|| subset.node().get("name"));
            let message = format!(
                "subset `{}` has no labels and chooses every endpoint",
                subset.name()
            );
            found.at(node.unwrap_or(subset.node()), message);
        }
    }
}
