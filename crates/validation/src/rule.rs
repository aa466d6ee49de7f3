//! What makes a rule.

use std::fmt;

use vigla_config::Object;

use crate::{Code, Severity, case::Case, found::Found};

/// A kind of objects that rules are about: API group and kind. All versions of it are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub &'static str, pub &'static str);

macro_rules! kinds {
    ($($name:ident = $group:literal, $kind:literal;)*) => {
        $(#[allow(dead_code, reason = "the table is whole, whether or not a rule asks for all of it")]
        pub(crate) const $name: Kind = Kind($group, $kind);)*
    };
}

kinds! {
    VIRTUAL_SERVICE = "networking.istio.io", "VirtualService";
    DESTINATION_RULE = "networking.istio.io", "DestinationRule";
    GATEWAY = "networking.istio.io", "Gateway";
    SERVICE_ENTRY = "networking.istio.io", "ServiceEntry";
    SIDECAR = "networking.istio.io", "Sidecar";
    WORKLOAD_ENTRY = "networking.istio.io", "WorkloadEntry";
    WORKLOAD_GROUP = "networking.istio.io", "WorkloadGroup";
    ENVOY_FILTER = "networking.istio.io", "EnvoyFilter";
    PROXY_CONFIG = "networking.istio.io", "ProxyConfig";
    AUTHORIZATION_POLICY = "security.istio.io", "AuthorizationPolicy";
    PEER_AUTHENTICATION = "security.istio.io", "PeerAuthentication";
    REQUEST_AUTHENTICATION = "security.istio.io", "RequestAuthentication";
    TELEMETRY = "telemetry.istio.io", "Telemetry";
    TRAFFIC_EXTENSION = "extensions.istio.io", "TrafficExtension";
    BACKEND_TLS_POLICY = "gateway.networking.k8s.io", "BackendTLSPolicy";
    WASM_PLUGIN = "extensions.istio.io", "WasmPlugin";
    SERVICE = "", "Service";
    POD = "", "Pod";
    NAMESPACE = "", "Namespace";
    SECRET = "", "Secret";
    DEPLOYMENT = "apps", "Deployment";
    STATEFUL_SET = "apps", "StatefulSet";
    DAEMON_SET = "apps", "DaemonSet";
    K8S_GATEWAY = "gateway.networking.k8s.io", "Gateway";
    GATEWAY_CLASS = "gateway.networking.k8s.io", "GatewayClass";
    HTTP_ROUTE = "gateway.networking.k8s.io", "HTTPRoute";
    GRPC_ROUTE = "gateway.networking.k8s.io", "GRPCRoute";
    TLS_ROUTE = "gateway.networking.k8s.io", "TLSRoute";
    TCP_ROUTE = "gateway.networking.k8s.io", "TCPRoute";
    REFERENCE_GRANT = "gateway.networking.k8s.io", "ReferenceGrant";
    MUTATING_WEBHOOK = "admissionregistration.k8s.io", "MutatingWebhookConfiguration";
    CUSTOM_RESOURCE_DEFINITION = "apiextensions.k8s.io", "CustomResourceDefinition";
}

impl Kind {
    /// Whether an object is of this kind.
    pub fn is_of(self, object: &Object) -> bool {
        object.kind() == self.1 && object.group() == self.0
    }
}

/// What a rule must know beside the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Nothing.
    Config,
    /// The traffic of a window.
    Traffic,
}

/// One condition of the catalogue.
///
/// All fields are required: a rule without an example that it refuses and one that it lets pass cannot be written.
pub struct Rule {
    /// Its number.
    pub code: Code,
    /// Its name for people, such as `unknown-subset`.
    pub name: &'static str,
    /// How bad it usually is.
    pub severity: Severity,
    /// What it says: one or two sentences.
    pub says: &'static str,
    /// What the condition does to traffic; findings may say it more exactly.
    pub consequence: &'static str,
    /// Codes of peers for the same condition.
    pub peers: &'static [&'static str],
    /// The kinds that it looks at; empty for all.
    pub kinds: &'static [Kind],
    /// What it must know beside the config.
    pub needs: Need,
    /// An example that it refuses, beside [`examples::BOOKINFO`](crate::examples::BOOKINFO). Each line with a
    /// finding of this rule ends in `# here`.
    pub fails: &'static str,
    /// An example that it lets pass.
    pub passes: &'static str,
    pub(crate) check: fn(&Case<'_>, &mut Found<'_>),
}

impl Rule {
    /// Whether the rule looks at an object.
    pub fn is_about(&self, object: &Object) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.is_of(object))
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.name)
    }
}

/// What every rule's file needs.
pub(crate) mod prelude {
    #[allow(unused_imports, reason = "each rule takes what it needs")]
    pub(crate) use crate::{
        Code, Fix, Severity,
        case::Case,
        found::Found,
        mesh::{Host, HostInfo, Mesh},
        rule::{Need::Config, *},
    };
    #[allow(unused_imports, reason = "each rule takes what it needs")]
    pub(crate) use vigla_config::{Node, Object};
}
