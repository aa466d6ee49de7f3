//! Which kinds are read, where the API server has them, and what of each is kept.

/// What is kept of an object of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Metadata and the whole `spec`: people wrote it.
    Written,
    /// Metadata only.
    Named,
    /// A template of pods: labels, account and ports of it. The rest (volumes, environment, probes) is most of the
    /// text, and no question about a mesh needs it.
    Workload,
    /// One running instance.
    Pod,
    /// Which pods answer for a Service.
    Slice,
}

/// A kind, as the API server names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// API group; empty for the core group.
    pub(crate) group: &'static str,
    /// Kind, as objects say it.
    pub(crate) kind: &'static str,
    /// The last part of its path.
    pub(crate) plural: &'static str,
    /// Versions that can be read, the best first.
    pub(crate) versions: &'static [&'static str],
    /// What is kept.
    pub(crate) shape: Shape,
}

impl Kind {
    /// Whether it comes with every API server, so that nobody needs to ask for it.
    pub(crate) fn is_built_in(&self) -> bool {
        !self.group.contains("istio.io") && self.group != GATEWAY
    }

    /// As `kubectl get` takes it: `services`, `virtualservices.networking.istio.io`.
    pub(crate) fn resource(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `v1`, `networking.istio.io/v1`.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() {
            version.to_owned()
        } else {
            format!("{}/{version}", self.group)
        }
    }

    /// Whether its objects are in namespaces.
    pub(crate) fn is_namespaced(&self) -> bool {
        !matches!(self.kind, "Namespace" | "GatewayClass")
    }

    /// The path of its objects in a namespace, or in all.
    pub(crate) fn path(&self, version: &str, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "api" } else { "apis" };
        let within = namespace
            .map(|name| format!("namespaces/{name}/"))
            .unwrap_or_default();
        format!("/{root}/{}/{within}{}", self.api_version(version), self.plural)
    }
}

const NETWORKING: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";
const GATEWAY: &str = "gateway.networking.k8s.io";
const ISTIO: &[&str] = &["v1", "v1beta1", "v1alpha3"];
const ISTIO_SECURITY: &[&str] = &["v1", "v1beta1"];

const fn kind(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    versions: &'static [&'static str],
    shape: Shape,
) -> Kind {
    Kind {
        group,
        kind,
        plural,
        versions,
        shape,
    }
}

/// All of them. Secrets and ConfigMaps are not among them: nothing here asks for what they hold.
pub(crate) static KINDS: &[Kind] = &[
    kind("", "Namespace", "namespaces", &["v1"], Shape::Named),
    kind("", "ServiceAccount", "serviceaccounts", &["v1"], Shape::Named),
    kind("", "Service", "services", &["v1"], Shape::Written),
    kind("", "Pod", "pods", &["v1"], Shape::Pod),
    kind(
        "discovery.k8s.io",
        "EndpointSlice",
        "endpointslices",
        &["v1"],
        Shape::Slice,
    ),
    kind("apps", "Deployment", "deployments", &["v1"], Shape::Workload),
    kind("apps", "StatefulSet", "statefulsets", &["v1"], Shape::Workload),
    kind("apps", "DaemonSet", "daemonsets", &["v1"], Shape::Workload),
    kind(
        NETWORKING,
        "VirtualService",
        "virtualservices",
        ISTIO,
        Shape::Written,
    ),
    kind(
        NETWORKING,
        "DestinationRule",
        "destinationrules",
        ISTIO,
        Shape::Written,
    ),
    kind(NETWORKING, "Gateway", "gateways", ISTIO, Shape::Written),
    kind(
        NETWORKING,
        "ServiceEntry",
        "serviceentries",
        ISTIO,
        Shape::Written,
    ),
    kind(NETWORKING, "Sidecar", "sidecars", ISTIO, Shape::Written),
    kind(
        NETWORKING,
        "WorkloadEntry",
        "workloadentries",
        ISTIO,
        Shape::Written,
    ),
    kind(
        NETWORKING,
        "WorkloadGroup",
        "workloadgroups",
        ISTIO,
        Shape::Written,
    ),
    kind(
        NETWORKING,
        "EnvoyFilter",
        "envoyfilters",
        &["v1alpha3"],
        Shape::Written,
    ),
    kind(
        NETWORKING,
        "ProxyConfig",
        "proxyconfigs",
        &["v1beta1"],
        Shape::Written,
    ),
    kind(
        SECURITY,
        "AuthorizationPolicy",
        "authorizationpolicies",
        ISTIO_SECURITY,
        Shape::Written,
    ),
    kind(
        SECURITY,
        "PeerAuthentication",
        "peerauthentications",
        ISTIO_SECURITY,
        Shape::Written,
    ),
    kind(
        SECURITY,
        "RequestAuthentication",
        "requestauthentications",
        ISTIO_SECURITY,
        Shape::Written,
    ),
    kind(
        "telemetry.istio.io",
        "Telemetry",
        "telemetries",
        &["v1", "v1alpha1"],
        Shape::Written,
    ),
    kind(
        "extensions.istio.io",
        "WasmPlugin",
        "wasmplugins",
        &["v1alpha1"],
        Shape::Written,
    ),
    kind(
        GATEWAY,
        "GatewayClass",
        "gatewayclasses",
        &["v1", "v1beta1"],
        Shape::Written,
    ),
    kind(GATEWAY, "Gateway", "gateways", &["v1", "v1beta1"], Shape::Written),
    kind(
        GATEWAY,
        "HTTPRoute",
        "httproutes",
        &["v1", "v1beta1"],
        Shape::Written,
    ),
    kind(
        GATEWAY,
        "GRPCRoute",
        "grpcroutes",
        &["v1", "v1alpha2"],
        Shape::Written,
    ),
    kind(
        GATEWAY,
        "TLSRoute",
        "tlsroutes",
        &["v1", "v1alpha3", "v1alpha2"],
        Shape::Written,
    ),
    kind(
        GATEWAY,
        "TCPRoute",
        "tcproutes",
        &["v1", "v1alpha2"],
        Shape::Written,
    ),
    kind(
        GATEWAY,
        "ReferenceGrant",
        "referencegrants",
        &["v1", "v1beta1"],
        Shape::Written,
    ),
    kind(
        GATEWAY,
        "BackendTLSPolicy",
        "backendtlspolicies",
        &["v1", "v1alpha3"],
        Shape::Written,
    ),
];
