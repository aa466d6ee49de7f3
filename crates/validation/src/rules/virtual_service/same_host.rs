//! `VG1009`: two VirtualServices of the mesh are for the same host.

use std::collections::BTreeSet;

use vigla_config::VirtualService;

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1009),
    name: "same-host-twice",
    severity: Severity::Error,
    says: "Two VirtualServices for sidecars name the same host, and some namespace sees both. Sidecars do not merge \
           them: the oldest counts (with equal age the first by name), and the other is ignored. Gateways do merge, \
           so hosts there are no conflict.",
    consequence: "The routes of one of the two are ignored by sidecars.",
    peers: &["KIA1106", "IST0109"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews-a, namespace: bookinfo}
spec:
  hosts: [reviews] # here
  http: [{route: [{destination: {host: reviews, subset: v1}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews-b, namespace: bookinfo}
spec:
  hosts:
  - reviews.bookinfo.svc.cluster.local # here
  http: [{route: [{destination: {host: reviews, subset: v2}}]}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews-a, namespace: bookinfo}
spec:
  hosts: [reviews]
  exportTo: [.]
  http: [{route: [{destination: {host: reviews, subset: v1}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews-b, namespace: shop}
spec:
  hosts: [reviews.bookinfo.svc.cluster.local]
  exportTo: [.]
  http: [{route: [{destination: {host: reviews.bookinfo.svc.cluster.local}}]}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object).filter(|rule| rule.is_for_mesh()) else {
        return;
    };
    let visible = viewers(rule);
    for node in rule.hosts() {
        let Some(written) = node.text() else { continue };
        let host = case.mesh.resolve(written, rule.namespace());
        let same: Vec<VirtualService<'_>> = case
            .mesh
            .virtual_services_named(&host)
            .filter(|other| other.is_for_mesh() && overlap(&visible, &viewers(*other)))
            .take(MOST)
            .collect();
        let is_other = |other: &&VirtualService<'_>| !std::ptr::eq(other.object(), rule.object());
        let Some(other) = same.iter().find(is_other) else {
            continue;
        };
        let winner = same.first().unwrap_or(other).object();
        let message = if std::ptr::eq(winner, rule.object()) {
            format!("`{written}` has {} VirtualServices: this one counts", same.len())
        } else {
            format!(
                "`{written}` has {} VirtualServices: {} counts, this one is ignored",
                same.len(),
                winner.object_ref()
            )
        };
        let finding = found.at(node, message);
        if std::ptr::eq(winner, rule.object()) {
            finding.consequence("Sidecars use these routes and ignore those of the other.");
        }
        for other in same.iter().filter(is_other) {
            let place = other.hosts().find(|node| {
                node.text()
                    .is_some_and(|text| case.mesh.resolve(text, other.namespace()) == host)
            });
            finding.related(
                other.object(),
                place.unwrap_or(other.object().root()),
                "the same host",
            );
        }
    }
}

/// VirtualServices of one host that are looked at: with more, the first ones tell enough.
const MOST: usize = 20;

/// Namespaces whose proxies see a VirtualService; `None`: all.
fn viewers<'a>(rule: VirtualService<'a>) -> Option<BTreeSet<&'a str>> {
    let names: BTreeSet<&str> = rule
        .export_to()
        .map(|name| {
            if name == "." {
                rule.namespace().as_str()
            } else {
                name
            }
        })
        .collect();
    (!names.is_empty() && !names.contains("*")).then_some(names)
}

fn overlap(left: &Option<BTreeSet<&str>>, right: &Option<BTreeSet<&str>>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => !left.is_disjoint(right),
        _ => true,
    }
}
