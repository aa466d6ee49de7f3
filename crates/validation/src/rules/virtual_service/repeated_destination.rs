//! `VG1011`: a route has the same destination twice.

use std::collections::HashMap;

use vigla_config::{Destination, VirtualService};

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1011),
    name: "repeated-destination",
    severity: Severity::Warning,
    says: "A route has two destinations with the same host, subset and port. (The peer compares host and subset \
           only, and reports two ports of one host.)",
    consequence: "The shares of both add up on the same instances: the split that the weights tell does not happen.",
    peers: &["KIA1105"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v1}
      weight: 90
    - destination: {host: reviews.bookinfo.svc.cluster.local, subset: v1} # here
      weight: 10
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route:
    - destination: {host: reviews, subset: v1}
      weight: 90
    - destination: {host: reviews, subset: v2}
      weight: 10
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    let key = |destination: Destination<'_>| {
        let host = case
            .mesh
            .resolve(destination.host().unwrap_or_default(), rule.namespace());
        (host, destination.subset().map(str::to_owned), destination.port())
    };
    for routes in super::routes(rule) {
        let destinations: Vec<Destination<'_>> =
            routes.iter().filter_map(|route| route.destination()).collect();
        let mut seen: HashMap<_, Destination<'_>> = HashMap::new();
        for destination in destinations {
            let before = seen.insert(key(destination), destination);
            if let Some(before) = before {
                let host = destination.host().unwrap_or_default();
                found
                    .at(
                        destination.node(),
                        format!("`{host}` is a destination of this route already"),
                    )
                    .related(case.object, before.node(), "the same destination");
            }
        }
    }
}
