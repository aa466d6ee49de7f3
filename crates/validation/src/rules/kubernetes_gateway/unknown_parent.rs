//! `VG1701`: a route is for a Gateway that is missing or closed to it.

use crate::rule::prelude::*;
use crate::{
    case::{at, items},
    mesh::meets,
    nearest::nearest,
};

pub(crate) static RULE: Rule = Rule {
    code: Code(1701),
    name: "unknown-parent",
    severity: Severity::Error,
    says: "A `parentRef` of a route names a Gateway that does not exist, or one of whose listeners none \
           takes routes of this namespace (`allowedRoutes`; without it only those of the Gateway's own).",
    consequence: "The route is attached to nothing: its requests get 404.",
    peers: &["KIA1401"],
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
  parentRefs:
  - name: fronts # here
  rules: [{backendRefs: [{name: productpage, port: 9080}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs:
  - name: front # here
    namespace: bookinfo
",
    passes: "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: bookinfo}
spec:
  gatewayClassName: istio
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: pages, namespace: bookinfo}
spec:
  parentRefs:
  - name: front
  rules: [{backendRefs: [{name: productpage, port: 9080}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs:
  - name: front
    namespace: bookinfo
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    for parent in case.items("parentRefs") {
        let word = |key: &str| at(parent, key).and_then(Node::text);
        let kind = (
            word("group").unwrap_or("gateway.networking.k8s.io"),
            word("kind").unwrap_or("Gateway"),
        );
        let Some(node) = parent
            .get("name")
            .filter(|_| kind == (K8S_GATEWAY.0, K8S_GATEWAY.1))
        else {
            continue;
        };
        let Some(name) = node.text() else { continue };
        let namespace = word("namespace").unwrap_or(case.namespace().as_str());
        let Some(gateway) = case.mesh.named(K8S_GATEWAY, namespace, name) else {
            let near = case
                .mesh
                .all(K8S_GATEWAY)
                .filter(|object| *object.namespace() == *namespace);
            let fix = nearest(name, near.map(|object| object.name()))
                .and_then(|near| Fix::replace(format!("use Gateway `{near}`"), node, near));
            found
                .at(
                    node,
                    format!("there is no Gateway `{name}` in namespace `{namespace}`"),
                )
                .fix(fix);
            continue;
        };
        let section = word("sectionName");
        let mut listeners = items(gateway.spec(), "listeners")
            .filter(|listener| section.is_none() || at(*listener, "name").and_then(Node::text) == section)
            .peekable();
        if listeners.peek().is_none() {
            let place = parent.get("sectionName").unwrap_or(node);
            found.at(place, format!("Gateway `{name}` has no such listener"));
        } else if !listeners.any(|listener| takes_routes_of(case, gateway, listener)) {
            let place = gateway.spec().and_then(|spec| spec.get("listeners"));
            found
                .at(
                    node,
                    format!(
                        "no listener of Gateway `{name}` takes routes of namespace `{}`",
                        case.namespace()
                    ),
                )
                .related(gateway, place.unwrap_or(gateway.root()), "its listeners");
        }
    }
}

fn takes_routes_of(case: &Case<'_>, gateway: &Object, listener: Node<'_>) -> bool {
    let from = at(listener, "allowedRoutes.namespaces.from").and_then(Node::text);
    match from.unwrap_or("Same") {
        "All" => true,
        "Selector" => {
            let labels = at(listener, "allowedRoutes.namespaces.selector.matchLabels");
            // What is asked by expressions is not judged.
            let Some(labels) = labels.map(Node::string_map) else {
                return true;
            };
            let namespace = case
                .mesh
                .all(NAMESPACE)
                .find(|object| *object.name() == *case.namespace().as_str());
            namespace.is_none_or(|object| meets(&labels, object.labels()))
        }
        _ => gateway.namespace() == case.namespace(),
    }
}
