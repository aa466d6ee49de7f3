//! `VG1710`: a rule delegates to routes that do not come.

use std::collections::HashSet;

use vigla_config::VirtualService;

use crate::{mesh::is_visible, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1710),
    name: "broken-delegate",
    severity: Severity::Error,
    says: "A rule delegates to a VirtualService that does not exist, that is not exported to this namespace, that has \
           hosts of its own (and so is none to delegate to), or that delegates further.",
    consequence: "The rule is left out: its requests fall to the next one that fits, or get 404 (flag NR).",
    peers: &[],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [bookinfo.example]
  gateways: [edge]
  http:
  - match: [{uri: {prefix: /reviews/}}]
    delegate:
      name: reviews-routes # here
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [bookinfo.example]
  gateways: [edge]
  http:
  - match: [{uri: {prefix: /reviews/}}]
    delegate:
      name: reviews-routes
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews-routes, namespace: bookinfo}
spec:
  http:
  - route: [{destination: {host: reviews}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(root) = VirtualService::of(case.object) else {
        return;
    };
    let mut told = HashSet::new();
    for rule in root.http() {
        let (Some((namespace, name)), Some(node)) = (rule.delegate(), rule.field("delegate")) else {
            continue;
        };
        let namespace = namespace.unwrap_or(root.namespace().as_str());
        let place = node.get("name").unwrap_or(node);
        let target = case.mesh.named(VIRTUAL_SERVICE, namespace, name);
        let Some(delegate) = target.and_then(|object| VirtualService::of(object)) else {
            let near = case
                .mesh
                .all(VIRTUAL_SERVICE)
                .filter(|object| *object.namespace() == *namespace);
            let fix = crate::nearest::nearest(name, near.map(|object| object.name()))
                .and_then(|near| Fix::replace(format!("delegate to `{near}`"), place, near));
            found
                .at(
                    place,
                    format!("there is no VirtualService `{name}` in namespace `{namespace}`"),
                )
                .fix(fix);
            continue;
        };
        let object = delegate.object();
        let message = if delegate.hosts().next().is_some() {
            format!("VirtualService {namespace}/{name} has hosts of its own; one to delegate to has none")
        } else if !is_visible(delegate.export_to(), delegate.namespace(), root.namespace()) {
            format!(
                "VirtualService {namespace}/{name} is not exported to namespace `{}`",
                root.namespace()
            )
        } else if delegate.http().any(|rule| rule.delegate().is_some()) {
            format!("VirtualService {namespace}/{name} delegates further, which Istio does not follow")
        } else {
            continue;
        };
        if told.insert(place.path()) {
            found
                .at(place, message)
                .related(object, object.root(), "the VirtualService that is meant");
        }
    }
}
