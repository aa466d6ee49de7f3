//! `VG1014`: the weights of a route are no percentages.

use vigla_config::VirtualService;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1014),
    name: "weights-not-100",
    severity: Severity::Info,
    says: "The weights of a route's destinations do not sum up to 100. That is allowed: they are shares of their sum.",
    consequence: "The shares differ from what the numbers look like: 50 and 30 are 62.5 % and 37.5 %.",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - route: # here
    - destination: {host: reviews, subset: v1}
      weight: 80
    - destination: {host: reviews, subset: v2}
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
      weight: 80
    - destination: {host: reviews, subset: v2}
      weight: 20
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    for routes in super::routes(rule) {
        let [first, _, ..] = routes.as_slice() else {
            continue;
        };
        let weights: Vec<u64> = routes
            .iter()
            .map(|route| u64::from(route.weight().unwrap_or(0)))
            .collect();
        let sum: u64 = weights.iter().sum();
        // A sum of zero is refused (VG0008).
        let Some(list) = first.node().parent().filter(|_| sum > 0 && sum != 100) else {
            continue;
        };
        let shares: Vec<String> = weights
            .iter()
            .map(|weight| format!("{:.1} %", *weight as f64 * 100.0 / sum as f64))
            .collect();
        found
            .at_key(list, format!("the weights sum up to {sum}"))
            .consequence(format!(
                "The destinations get {} of the requests.",
                shares.join(", ")
            ));
    }
}
