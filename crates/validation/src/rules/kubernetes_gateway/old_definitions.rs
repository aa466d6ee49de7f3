//! `VG5101`: the definitions of the Gateway API are too old.

use crate::case::at;
use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(5101),
    name: "old-gateway-api",
    severity: Severity::Warning,
    says: "The definitions of the Gateway API in the cluster are of a version below 1.1, with which no \
           supported Istio works. The peer checks the same minimum.",
    consequence: "The control plane does not read these kinds, or only in part: routes are passed over.",
    peers: &["IST0176"],
    kinds: &[CUSTOM_RESOURCE_DEFINITION],
    needs: Config,
    fails: "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: httproutes.gateway.networking.k8s.io
  annotations:
    gateway.networking.k8s.io/bundle-version: v0.8.1 # here
spec: {group: gateway.networking.k8s.io}
",
    passes: "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: httproutes.gateway.networking.k8s.io
  annotations:
    gateway.networking.k8s.io/bundle-version: v1.4.0
spec: {group: gateway.networking.k8s.io}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let annotations = at(case.object.root(), "metadata.annotations");
    let Some(node) =
        annotations.and_then(|annotations| annotations.get("gateway.networking.k8s.io/bundle-version"))
    else {
        return;
    };
    let Some(text) = node.text() else { return };
    let mut parts = text
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse::<u32>().ok());
    if let (Some(Some(major)), Some(Some(minor))) = (parts.next(), parts.next())
        && (major, minor) < (1, 1)
    {
        found.at(
            node,
            format!("version {text} of the Gateway API is older than 1.1"),
        );
    }
}
