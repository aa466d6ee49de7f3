//! `VG0004`: no object of a kind that is known.

use crate::nearest::nearest;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(4),
    name: "unknown-kind",
    severity: Severity::Error,
    says: "A document has no apiVersion, kind or name, or its kind is none of those that its API group of \
           Istio or the Gateway API has.",
    consequence: "The API server refuses it: nothing of it is in effect.",
    peers: &[],
    kinds: &[],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualServices # here
metadata: {name: reviews, namespace: bookinfo}
---
apiVersion: networking.istio.io/v2 # here
kind: Sidecar
metadata: {name: default, namespace: bookinfo}
---
kind: Service # here
metadata: {name: web}
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http: [{route: [{destination: {host: reviews}}]}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let object = case.object;
    let schemas = case.mesh.schemas();
    let kind = object.kind();
    let of_group: Vec<&str> = schemas
        .kinds()
        .filter(|(group, _)| *group == object.group())
        .map(|(_, kind)| kind)
        .collect();
    if of_group.is_empty() || super::removed_kind::is_removed(object) {
        return;
    }
    let root = object.root();
    if !of_group.contains(&kind) {
        let Some(node) = root.get("kind") else { return };
        let elsewhere = schemas.kinds().find(|(_, other)| *other == kind);
        let message = match elsewhere {
            Some((group, _)) => format!("kind `{kind}` is in group `{group}`, not in `{}`", object.group()),
            None => format!("group `{}` has no kind `{kind}`", object.group()),
        };
        let fix =
            nearest(kind, of_group).and_then(|near| Fix::replace(format!("use kind `{near}`"), node, near));
        found.at(node, message).fix(fix);
        return;
    }
    // Old versions of the Gateway API are told by their own rule.
    let versions = schemas.versions(object.group(), kind);
    let written = object.api_version().rsplit('/').next().unwrap_or_default();
    let Some(node) = root.get("apiVersion").filter(|_| !versions.contains(&written)) else {
        return;
    };
    if super::old_version::is_old(object) {
        return;
    }
    let new = format!("{}/{}", object.group(), versions.first().unwrap_or(&written));
    let message = format!(
        "kind `{kind}` has no version `{written}`, only {}",
        versions.join(", ")
    );
    found
        .at(node, message)
        .fix(Fix::replace(format!("use `{new}`"), node, &new));
}
