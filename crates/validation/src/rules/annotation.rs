//! Rules about annotations that Istio reads.

pub(super) mod invalid;
pub(super) mod old;
pub(super) mod unknown;

use vigla_config::Node;

use crate::case::{Case, at};

/// What an annotation takes.
#[derive(Debug, Clone, Copy)]
enum Form {
    Any,
    Truth,
    Number,
    Ports,
    Networks,
    /// Deprecated, and what stands in its place.
    Old(&'static str),
}

/// Annotations that Istio reads.
const ANNOTATIONS: [(&str, Form); 68] = [
    ("alpha.istio.io/identity", Form::Old("nothing reads it any more")),
    (
        "alpha.istio.io/kubernetes-serviceaccounts",
        Form::Old("nothing reads it any more"),
    ),
    ("ambient.istio.io/bypass-inbound-capture", Form::Truth),
    ("ambient.istio.io/dns-capture", Form::Truth),
    ("ambient.istio.io/redirection", Form::Any),
    ("ambient.istio.io/waypoint-inbound-binding", Form::Any),
    ("gateway.istio.io/controller-version", Form::Number),
    ("gateway.istio.io/name-override", Form::Any),
    ("gateway.istio.io/service-account", Form::Any),
    ("gateway.istio.io/tls-terminate-mode", Form::Any),
    ("inject.istio.io/templates", Form::Any),
    ("istio.io/connect-strategy", Form::Any),
    ("istio.io/dry-run", Form::Truth),
    ("istio.io/reroute-virtual-interfaces", Form::Any),
    ("istio.io/rev", Form::Any),
    ("istio.io/service-account", Form::Any),
    ("istio.io/workload-controller", Form::Any),
    ("istio.io/connectedAt", Form::Any),
    ("istio.io/disconnectedAt", Form::Any),
    ("networking.istio.io/address-type", Form::Any),
    ("networking.istio.io/exportTo", Form::Any),
    ("networking.istio.io/service-type", Form::Any),
    ("networking.istio.io/traffic-distribution", Form::Any),
    ("prometheus.istio.io/merge-metrics", Form::Truth),
    ("proxy.istio.io/config", Form::Any),
    ("proxy.istio.io/overrides", Form::Any),
    ("readiness.status.sidecar.istio.io/applicationPorts", Form::Ports),
    ("readiness.status.sidecar.istio.io/failureThreshold", Form::Number),
    (
        "readiness.status.sidecar.istio.io/initialDelaySeconds",
        Form::Number,
    ),
    ("readiness.status.sidecar.istio.io/periodSeconds", Form::Number),
    ("security.istio.io/tlsMode", Form::Any),
    ("sidecar.istio.io/agentLogLevel", Form::Any),
    ("sidecar.istio.io/bootstrapOverride", Form::Any),
    ("sidecar.istio.io/componentLogLevel", Form::Any),
    (
        "sidecar.istio.io/controlPlaneAuthPolicy",
        Form::Old("control planes and proxies always speak mutual TLS"),
    ),
    (
        "sidecar.istio.io/discoveryAddress",
        Form::Old("write `discoveryAddress` in `proxy.istio.io/config`"),
    ),
    ("sidecar.istio.io/enableCoreDump", Form::Truth),
    ("sidecar.istio.io/extraStatTags", Form::Any),
    ("sidecar.istio.io/inject", Form::Truth),
    ("sidecar.istio.io/interceptionMode", Form::Any),
    ("sidecar.istio.io/logLevel", Form::Any),
    ("sidecar.istio.io/nativeSidecar", Form::Truth),
    ("sidecar.istio.io/proxyCPU", Form::Any),
    ("sidecar.istio.io/proxyCPULimit", Form::Any),
    ("sidecar.istio.io/proxyImage", Form::Any),
    ("sidecar.istio.io/proxyImageType", Form::Any),
    ("sidecar.istio.io/proxyMemory", Form::Any),
    ("sidecar.istio.io/proxyMemoryLimit", Form::Any),
    ("sidecar.istio.io/rewriteAppHTTPProbers", Form::Truth),
    ("sidecar.istio.io/statsCompression", Form::Truth),
    ("sidecar.istio.io/statsHistogramBuckets", Form::Any),
    ("sidecar.istio.io/statsInclusionPrefixes", Form::Any),
    ("sidecar.istio.io/status", Form::Any),
    ("sidecar.istio.io/userVolume", Form::Any),
    ("status.sidecar.istio.io/port", Form::Number),
    ("topology.istio.io/controlPlaneClusters", Form::Any),
    ("traffic.sidecar.istio.io/excludeInboundPorts", Form::Ports),
    ("traffic.sidecar.istio.io/excludeOutboundIPRanges", Form::Networks),
    ("traffic.sidecar.istio.io/excludeOutboundPorts", Form::Ports),
    ("traffic.sidecar.istio.io/includeInboundPorts", Form::Ports),
    ("sidecar.istio.io/statsInclusionRegexps", Form::Any),
    ("sidecar.istio.io/statsInclusionSuffixes", Form::Any),
    ("sidecar.istio.io/userVolumeMount", Form::Any),
    ("traffic.sidecar.istio.io/excludeInterfaces", Form::Any),
    ("traffic.sidecar.istio.io/includeOutboundIPRanges", Form::Networks),
    ("traffic.sidecar.istio.io/includeOutboundPorts", Form::Ports),
    ("traffic.sidecar.istio.io/kubevirtInterfaces", Form::Any),
    ("topology.istio.io/network", Form::Any),
];

/// Walks the annotations of an object and of the pods that it makes.
fn each<'a>(case: &Case<'a>, mut visit: impl FnMut(&'a str, Node<'a>)) {
    let pod = case
        .spec()
        .and_then(|spec| at(spec, "template.metadata.annotations"));
    let own = at(case.object.root(), "metadata.annotations");
    for (key, node) in [own, pod].into_iter().flatten().flat_map(Node::entries) {
        visit(key, node);
    }
}
