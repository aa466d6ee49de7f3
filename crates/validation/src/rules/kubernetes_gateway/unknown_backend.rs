//! `VG1702`: a route leads to a Service that is missing, or that it may not use.

use crate::rule::prelude::*;
use crate::{case::items, nearest::nearest};

pub(crate) static RULE: Rule = Rule {
    code: Code(1702),
    name: "unknown-backend",
    severity: Severity::Error,
    says: "A `backendRef` names a Service that does not exist, a port that it does not have, or a Service \
           of another namespace without a ReferenceGrant there that allows it.",
    consequence: "Requests that take this route get 500.",
    peers: &["KIA1402"],
    kinds: &[HTTP_ROUTE, GRPC_ROUTE, TLS_ROUTE, TCP_ROUTE],
    needs: Config,
    fails: "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: bookinfo}
spec:
  gatewayClassName: istio
  listeners:
  - {name: http, port: 80, protocol: HTTP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: pages, namespace: bookinfo}
spec:
  parentRefs: [{name: front}]
  rules:
  - backendRefs:
    - name: review # here
      port: 9080
    - name: reviews
      port: 80 # here
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{name: reviews, namespace: bookinfo, kind: Service, group: ''}]
  rules:
  - backendRefs:
    - name: reviews # here
      namespace: bookinfo
      port: 9080
",
    passes: "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: bookinfo}
spec:
  gatewayClassName: istio
  listeners:
  - {name: http, port: 80, protocol: HTTP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: pages, namespace: bookinfo}
spec:
  parentRefs: [{name: front}]
  rules:
  - backendRefs:
    - name: reviews
      port: 9080
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{name: reviews, namespace: bookinfo, kind: Service, group: ''}]
  rules:
  - backendRefs:
    - name: reviews
      namespace: bookinfo
      port: 9080
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: shop, namespace: bookinfo}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: '', kind: Service}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for backend in case
        .items("rules")
        .flat_map(|rule| items(Some(rule), "backendRefs"))
    {
        let word = |key: &str| backend.get(key).and_then(Node::raw).map(|(text, _)| text);
        let is_service =
            word("group").unwrap_or("").is_empty() && word("kind").unwrap_or("Service") == "Service";
        let Some(node) = backend.get("name").filter(|_| is_service) else {
            continue;
        };
        let Some(name) = node.text() else { continue };
        let namespace = word("namespace").unwrap_or(case.namespace().as_str());
        let Some(service) = case.mesh.service_named(&namespace.into(), &name.into()) else {
            let near = case
                .mesh
                .services()
                .iter()
                .filter(|service| service.namespace == *namespace);
            let fix = nearest(name, near.map(|service| service.name.as_str()))
                .and_then(|near| Fix::replace(format!("use Service `{near}`"), node, near));
            found
                .at(
                    node,
                    format!("there is no Service `{name}` in namespace `{namespace}`"),
                )
                .fix(fix);
            continue;
        };
        if let Some(port) = backend.get("port")
            && port.as_port().is_some_and(|port| service.port(port).is_none())
        {
            let fix = match service.ports.as_slice() {
                [only] => Fix::replace(format!("use port {}", only.port), port, &only.port.to_string()),
                _ => None,
            };
            found
                .at(
                    port,
                    format!("Service `{name}` has no port {}", port.text().unwrap_or_default()),
                )
                .fix(fix);
        }
        if *case.namespace() != *namespace && !is_granted(case, namespace, name) {
            found.at(
                node,
                format!(
                    "no ReferenceGrant of namespace `{namespace}` lets routes of `{}` use its Services",
                    case.namespace()
                ),
            );
        }
    }
}

/// Whether a namespace lets routes of this one's kind and namespace use a Service.
fn is_granted(case: &Case<'_>, namespace: &str, service: &str) -> bool {
    let is = |node: Node<'_>, key: &str, wanted: &str| {
        node.get(key)
            .and_then(Node::raw)
            .is_some_and(|(text, _)| text == wanted)
    };
    let grants = case
        .mesh
        .all(REFERENCE_GRANT)
        .filter(|grant| *grant.namespace() == *namespace);
    let mut allowing = grants.filter(|grant| {
        let from = items(grant.spec(), "from").any(|from| {
            is(from, "kind", case.object.kind()) && is(from, "namespace", case.namespace().as_str())
        });
        let to = items(grant.spec(), "to")
            .any(|to| is(to, "kind", "Service") && (to.get("name").is_none() || is(to, "name", service)));
        from && to
    });
    allowing.next().is_some()
}
