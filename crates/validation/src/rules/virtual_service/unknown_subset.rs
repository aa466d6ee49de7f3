//! `VG1004`: a route names a subset that nobody defines.

use vigla_config::{DestinationRule, VirtualService};

use crate::{nearest::nearest, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1004),
    name: "unknown-subset",
    severity: Severity::Error,
    says: "A route names a subset that no DestinationRule in effect for its host defines. Looked for is where a \
           caller's proxy looks: in the VirtualService's namespace, the service's, and the root namespace; the \
           first that has a rule for the host decides.",
    consequence: "Requests that take this route are answered with 503 (no cluster, flag NC).",
    peers: &["KIA1107", "IST0101"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination:
        host: reviews
        subset: v22 # here
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
        subset: v2
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    for destination in rule.destinations() {
        let (Some(node), Some(subset), Some(host)) = (
            destination.field("subset"),
            destination.subset(),
            destination.host(),
        ) else {
            continue;
        };
        let fqdn = case.mesh.resolve(host, rule.namespace());
        let policy = case.mesh.destination_rule(&fqdn, rule.namespace());
        if policy
            .as_ref()
            .is_some_and(|policy| policy.subset(subset).is_some())
            || is_for_some_workloads(case.mesh, rule, fqdn.as_str(), subset)
        {
            continue;
        }
        let known: Vec<&str> = policy
            .iter()
            .flat_map(vigla_config::DestinationPolicy::subsets)
            .map(|(_, subset)| subset.name())
            .collect();
        let message = match known.as_slice() {
            [] => format!("host `{host}` has no subset `{subset}`: no DestinationRule in effect defines any"),
            known => format!("host `{host}` has no subset `{subset}`, only {}", listed(known)),
        };
        let fix =
            nearest(subset, known).and_then(|near| Fix::replace(format!("use subset `{near}`"), node, near));
        let finding = found.at(node, message).fix(fix);
        for rule in policy.iter().flat_map(vigla_config::DestinationPolicy::rules) {
            let object = rule.object();
            let subsets = object.spec().and_then(|spec| spec.get("subsets"));
            let place = subsets.unwrap_or(object.root());
            finding.related(object, place, "the subsets in effect are written here");
        }
    }
}

/// Whether a DestinationRule for some workloads of the namespace has the subset: their callers find it.
fn is_for_some_workloads(mesh: &Mesh<'_>, route: VirtualService<'_>, fqdn: &str, subset: &str) -> bool {
    mesh.all_destination_rules()
        .filter(|rule| rule.namespace() == route.namespace() && rule.workload_selector().is_some())
        .filter(|rule: &DestinationRule<'_>| {
            let host = rule.host().map(|host| mesh.resolve(host, rule.namespace()));
            host.is_some_and(|host| crate::mesh::is_subdomain_pattern(fqdn, host.as_str()))
        })
        .any(|rule| rule.subsets().any(|candidate| candidate.name() == subset))
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
