//! `VG2002`: a policy names a namespace that does not exist.

use super::{fits, sources};
use crate::rule::prelude::*;
use crate::{case::items, nearest::nearest};

pub(crate) static RULE: Rule = Rule {
    code: Code(2002),
    name: "unknown-policy-namespace",
    severity: Severity::Warning,
    says: "An entry of `namespaces` or `notNamespaces` of a source fits no namespace that exists. `a*` and \
           `*a` fit names that start or end so.",
    consequence: "Nobody meets the condition: an ALLOW rule allows nobody, a DENY rule denies nobody; \
           `notNamespaces` holds for everybody.",
    peers: &["KIA0101", "IST0101"],
    kinds: &[AUTHORIZATION_POLICY],
    needs: Config,
    fails: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: callers, namespace: bookinfo}
spec:
  rules:
  - from:
    - source:
        namespaces:
        - shops # here
",
    passes: "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: callers, namespace: bookinfo}
spec:
  rules:
  - from:
    - source:
        namespaces:
        - shop
        - book*
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for (source, key) in sources(case).flat_map(|source| {
        ["namespaces", "notNamespaces"]
            .into_iter()
            .map(move |key| (source, key))
    }) {
        for node in items(Some(source), key) {
            let Some(name) = node.text() else { continue };
            let known = case.mesh.known_namespaces();
            if known.iter().any(|namespace| fits(name, namespace.as_str())) {
                continue;
            }
            let near = nearest(name, known.iter().map(vigla_model::Namespace::as_str));
            let fix = near.and_then(|near| Fix::replace(format!("use namespace `{near}`"), node, near));
            let finding = found.at(node, format!("no namespace fits `{name}`")).fix(fix);
            if key == "notNamespaces" {
                // The first peer does not look at these.
                finding.peers(&["IST0101"]);
            }
        }
    }
}
