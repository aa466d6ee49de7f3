//! `VG0010`: an API version is deprecated.

use crate::rule::prelude::*;

pub(crate) static RULE: Rule = Rule {
    code: Code(10),
    name: "deprecated-version",
    severity: Severity::Warning,
    says: "The object is written in a version of its API that is deprecated or no longer served. `v1beta1` \
           of Istio's kinds is served and is no finding.",
    consequence: "None while the version is served; later the API server refuses the object.",
    peers: &[],
    kinds: &[],
    needs: Config,
    fails: "apiVersion: gateway.networking.k8s.io/v1beta1 # here
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
",
    passes: "apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
",
    check,
};

fn check(case: &Case<'_>, found: &mut Found<'_>) {
    let Some(node) = case.object.root().get("apiVersion") else {
        return;
    };
    let written = case.object.api_version();
    let row = OLD
        .iter()
        .find(|(old, kinds, _, _)| *old == written && kinds.contains(&case.object.kind()));
    let Some((old, _, new, gone)) = row else { return };
    let finding = found.at(
        node,
        match gone {
            Some(version) => format!("`{old}` is not served since Kubernetes {version}; use `{new}`"),
            None => format!("`{old}` is deprecated; use `{new}`"),
        },
    );
    finding.fix(Fix::replace(format!("use `{new}`"), node, new));
    if gone.is_some() {
        finding
            .severity(Severity::Error)
            .consequence("The API server refuses the object.");
    }
}

/// Old version, kinds, new version, and the version of Kubernetes that took the old one away.
const OLD: [(&str, &[&str], &str, Option<&str>); 8] = [
    (
        "gateway.networking.k8s.io/v1beta1",
        &["Gateway", "GatewayClass", "HTTPRoute"],
        "gateway.networking.k8s.io/v1",
        None,
    ),
    (
        "gateway.networking.k8s.io/v1alpha2",
        &["GRPCRoute"],
        "gateway.networking.k8s.io/v1",
        None,
    ),
    (
        "gateway.networking.k8s.io/v1alpha2",
        &["ReferenceGrant"],
        "gateway.networking.k8s.io/v1beta1",
        None,
    ),
    (
        "extensions/v1beta1",
        &["Deployment", "DaemonSet", "ReplicaSet"],
        "apps/v1",
        Some("1.16"),
    ),
    (
        "apps/v1beta1",
        &["Deployment", "StatefulSet"],
        "apps/v1",
        Some("1.16"),
    ),
    (
        "apps/v1beta2",
        &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"],
        "apps/v1",
        Some("1.16"),
    ),
    ("batch/v1beta1", &["CronJob"], "batch/v1", Some("1.25")),
    (
        "admissionregistration.k8s.io/v1beta1",
        &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"],
        "admissionregistration.k8s.io/v1",
        Some("1.22"),
    ),
];

/// Whether an object is written in a version that is deprecated or gone.
pub(super) fn is_old(object: &Object) -> bool {
    OLD.iter()
        .any(|(old, kinds, _, _)| *old == object.api_version() && kinds.contains(&object.kind()))
}
