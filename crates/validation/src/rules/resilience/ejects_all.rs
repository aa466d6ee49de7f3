//! `VG1606`: outlier detection may take away every endpoint, or none.

use vigla_config::DestinationRule;

use crate::rule::prelude::*;
use crate::{case::at, mesh::meets};

pub(crate) static RULE: Rule = Rule {
    code: Code(1606),
    name: "void-outlier-detection",
    severity: Severity::Warning,
    says: "Outlier detection takes away a share of a host's endpoints (10 % unless `maxEjectionPercent` \
           says otherwise), always at least one where several are left. With few endpoints the share means \
           none or all of them.",
    consequence: "With all endpoints taken away, calls get 503 (flag UH), or go to all of them again; with \
           a share of zero, sick endpoints stay.",
    peers: &[],
    kinds: &[DESTINATION_RULE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings, namespace: bookinfo}
spec:
  host: ratings
  trafficPolicy:
    outlierDetection:
      consecutive5xxErrors: 3
      maxEjectionPercent: 100 # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews-limits, namespace: bookinfo}
spec:
  host: reviews
  trafficPolicy:
    outlierDetection:
      consecutive5xxErrors: 3
      maxEjectionPercent: 100
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = DestinationRule::of(case.object) else {
        return;
    };
    let Some(host) = rule.host().filter(|host| !host.contains('*')) else {
        return;
    };
    let fqdn = case.mesh.resolve(host, rule.namespace());
    let Host::Seen(info) = case.mesh.host(&fqdn, rule.namespace()) else {
        return;
    };
    let Some(selector) = &info.selector else { return };
    let Some(node) = rule
        .traffic_policy()
        .and_then(|policy| at(policy.node(), "outlierDetection.maxEjectionPercent"))
    else {
        return;
    };
    let Some(percent) = node.as_i64() else { return };
    let pods = case.mesh.pods(info.object.namespace()).iter();
    let mut endpoints: u32 = 0;
    for pod in pods.filter(|pod| pod.object.is_some() && meets(selector, &pod.labels)) {
        // How many pods there are is not always written.
        let Some(replicas) = pod.replicas else { return };
        endpoints += replicas;
    }
    if percent == 0 {
        found.at(node, "a share of 0 % takes no endpoint away, however sick");
    } else if percent >= 100 && (1..=2).contains(&endpoints) {
        let message = format!(
            "`{host}` has {endpoints} endpoint{}, and all may be taken away",
            if endpoints == 1 { "" } else { "s" }
        );
        found.at(node, message);
    }
}
