//! `VG1506`: a Sidecar has an outboundTrafficPolicy without a mode.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(1506),
    name: "ambiguous-outbound-mode",
    severity: Severity::Info,
    says: "An `outboundTrafficPolicy` without `mode` means REGISTRY_ONLY, which is the first word of the \
           list, and not the mesh's own default.",
    consequence: "Calls to hosts that the mesh does not know get 502 (flag BlackHoleCluster).",
    peers: &["KIA1007"],
    kinds: &[SIDECAR],
    needs: Config,
    fails: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: bookinfo}
spec:
  outboundTrafficPolicy: {} # here
  egress: [{hosts: ['./*']}]
",
    passes: "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: bookinfo}
spec:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  egress: [{hosts: ['./*']}]
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let policy = case.spec().and_then(|spec| spec.get("outboundTrafficPolicy"));
    if let Some(node) = policy.filter(|node| !node.is_null() && node.get("mode").is_none()) {
        found.missing(node, "mode", "without `mode` this means REGISTRY_ONLY");
    }
}
