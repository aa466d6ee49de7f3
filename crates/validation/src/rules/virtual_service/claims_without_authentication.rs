//! `VG1013`: a gateway routes by claims of tokens that nobody checks.

use vigla_config::VirtualService;

use super::gateways::gateways_of;
use crate::{case::items, mesh::meets, rule::prelude::*};

pub(crate) static RULE: Rule = Rule {
    code: Code(1013),
    name: "claims-without-authentication",
    severity: Severity::Error,
    says: "A condition asks for a claim of a token (`@request.auth.claims…`), and no RequestAuthentication is for the \
           gateway's pods: claims are known only where tokens are checked.",
    consequence: "The condition never holds: requests that it was meant for take another route, or get 404.",
    peers: &["IST0149"],
    kinds: &[VIRTUAL_SERVICE],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [bookinfo.example]
  gateways: [edge]
  http:
  - match:
    - headers:
        '@request.auth.claims.groups': {exact: staff} # here
    route: [{destination: {host: productpage}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: pages, namespace: bookinfo}
spec:
  hosts: [bookinfo.example]
  gateways: [edge]
  http:
  - match:
    - headers:
        '@request.auth.claims.groups': {exact: staff}
    route: [{destination: {host: productpage}}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules: [{issuer: https://login.example, jwksUri: https://login.example/keys}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tokens, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  rules: [{from: [{source: {requestPrincipals: ['*']}}]}]
",
    check,
};

const CLAIMS: &str = "@request.auth.claims";

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(rule) = VirtualService::of(case.object) else {
        return;
    };
    let conditions = rule.http().flat_map(vigla_config::HttpRule::matches);
    let claims: Vec<Node<'_>> = conditions
        .flat_map(|condition| {
            ["headers", "withoutHeaders"]
                .into_iter()
                .filter_map(move |key| condition.field(key))
        })
        .flat_map(Node::entries)
        .filter(|(name, _)| name.to_ascii_lowercase().starts_with(CLAIMS))
        .map(|(_, node)| node)
        .collect();
    if claims.is_empty() {
        return;
    }
    for gateway in gateways_of(case.mesh, rule) {
        let selector = gateway.selector().unwrap_or_default();
        let mut pods = case
            .mesh
            .all_pods()
            .filter(|pod| meets(&selector, &pod.labels))
            .peekable();
        if pods.peek().is_none() || pods.any(|pod| is_authenticated(case.mesh, pod)) {
            continue;
        }
        for &node in &claims {
            let message = format!(
                "no RequestAuthentication is for the pods of {}",
                gateway.object().object_ref()
            );
            found.at_key(node, message);
        }
    }
}

fn is_authenticated(mesh: &Mesh<'_>, pod: &crate::mesh::Pod<'_>) -> bool {
    mesh.all(REQUEST_AUTHENTICATION).any(|object| {
        let near = *object.namespace() == pod.namespace || object.namespace() == mesh.root();
        let spec = object.spec();
        let selector = spec.and_then(|spec| spec.get("selector")?.get("matchLabels"));
        near && items(spec, "jwtRules").next().is_some()
            && selector.is_none_or(|selector| meets(&selector.string_map(), &pod.labels))
    })
}
