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
    let Some((_, kinds)) = KINDS.iter().find(|(group, _)| *group == case.object.group()) else {
        return;
    };
    let kind = case.object.kind();
    let removed = super::removed_kind::is_removed(case.object);
    if kinds.contains(&kind) || removed {
        return;
    }
    let Some(node) = case.object.root().get("kind") else {
        return;
    };
    let all = KINDS.iter().flat_map(|(_, kinds)| kinds.iter().copied());
    let fix = nearest(kind, kinds.iter().copied())
        .and_then(|near| Fix::replace(format!("use kind `{near}`"), node, near));
    let elsewhere = KINDS
        .iter()
        .find(|(_, kinds)| kinds.contains(&kind))
        .map(|(group, _)| *group);
    let message = match elsewhere.filter(|_| all.into_iter().any(|other| other == kind)) {
        Some(group) => format!(
            "kind `{kind}` is in group `{group}`, not in `{}`",
            case.object.group()
        ),
        None => format!("group `{}` has no kind `{kind}`", case.object.group()),
    };
    found.at(node, message).fix(fix);
}

/// The groups whose kinds are all known, with them.
const KINDS: [(&str, &[&str]); 5] = [
    (
        "networking.istio.io",
        &[
            "DestinationRule",
            "EnvoyFilter",
            "Gateway",
            "ProxyConfig",
            "ServiceEntry",
            "Sidecar",
            "VirtualService",
            "WorkloadEntry",
            "WorkloadGroup",
        ],
    ),
    (
        "security.istio.io",
        &[
            "AuthorizationPolicy",
            "PeerAuthentication",
            "RequestAuthentication",
        ],
    ),
    ("telemetry.istio.io", &["Telemetry"]),
    ("extensions.istio.io", &["TrafficExtension", "WasmPlugin"]),
    (
        "gateway.networking.k8s.io",
        &[
            "BackendTLSPolicy",
            "GRPCRoute",
            "Gateway",
            "GatewayClass",
            "HTTPRoute",
            "ListenerSet",
            "ReferenceGrant",
            "TCPRoute",
            "TLSRoute",
            "UDPRoute",
        ],
    ),
];
