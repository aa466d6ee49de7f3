//! `VG0012`: a field is deprecated.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(12),
    name: "deprecated-field",
    severity: Severity::Warning,
    says: "A field has a successor, which says the same or more, or is read by nothing any more.",
    consequence: "The field may be ignored by this or a later version of Istio.",
    peers: &["IST0002"],
    kinds: &[VIRTUAL_SERVICE, DESTINATION_RULE, SIDECAR],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - fault:
      delay:
        percent: 10 # here
        fixedDelay: 2s
    route: [{destination: {host: reviews}}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - fault:
      delay:
        percentage: {value: 10}
        fixedDelay: 2s
    route: [{destination: {host: reviews}}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(spec) = case.spec() else { return };
    let mut open = vec![spec];
    while let Some(node) = open.pop() {
        if found.is_full() {
            return;
        }
        for (key, value) in node.entries() {
            let parent = node.key().unwrap_or_default();
            let row = OLD.iter().find(|(kind, holder, old, _)| {
                *kind == case.object.kind() && *old == key && (holder.is_empty() || *holder == parent)
            });
            if let Some((_, _, old, instead)) = row {
                let finding = found.at_key(value, format!("`{old}` is deprecated: {instead}"));
                // The peer knows two of them.
                if !matches!(
                    (parent, *old),
                    ("delay", "percent") | ("outboundTrafficPolicy", "egressProxy")
                ) {
                    finding.peers(&[]);
                }
            }
        }
        open.extend(node.items());
        open.extend(node.entries().map(|(_, value)| value));
    }
}

/// Kind, field that holds it (empty: any), field, and what to write instead.
const OLD: [(&str, &str, &str, &str); 9] = [
    (
        "VirtualService",
        "delay",
        "percent",
        "write `percentage: {value: …}`",
    ),
    (
        "VirtualService",
        "abort",
        "percent",
        "write `percentage: {value: …}`",
    ),
    (
        "VirtualService",
        "",
        "mirrorPercent",
        "write `mirrorPercentage: {value: …}`",
    ),
    (
        "VirtualService",
        "",
        "mirror_percent",
        "write `mirrorPercentage: {value: …}`",
    ),
    (
        "VirtualService",
        "corsPolicy",
        "allowOrigin",
        "write `allowOrigins` with `exact`, `prefix` or `regex`",
    ),
    (
        "VirtualService",
        "route",
        "removeRequestHeaders",
        "write `headers: {request: {remove: …}}`",
    ),
    (
        "DestinationRule",
        "outlierDetection",
        "consecutiveErrors",
        "write `consecutive5xxErrors` or `consecutiveGatewayErrors`",
    ),
    (
        "DestinationRule",
        "outlierDetection",
        "minHealthPercent",
        "it is kept for old configuration; leave it out unless its effect is wanted",
    ),
    (
        "Sidecar",
        "outboundTrafficPolicy",
        "egressProxy",
        "write a ServiceEntry and a VirtualService to the egress gateway",
    ),
];
