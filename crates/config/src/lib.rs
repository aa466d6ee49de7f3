//! The mesh's config: documents in which every value knows its place, thin typed views over them, and the
//! [`Snapshot`] that rules, compiler, graph and simulator ask.

mod diff;
mod document;
mod instance;
mod object;
mod pod;
mod schema;
mod service;
mod settings;
mod snapshot;
mod view;
mod workload;

pub use diff::{Change, ChangeKind, changes};
pub use document::{
    Bounds, Document, Documents, FieldPath, Node, Position, ReadError, Scalar, Span, Step, Style, Trouble,
    parse_duration, read_documents, read_documents_within,
};
pub use instance::{Capture, Instance};
pub use object::{Object, Objects, read_objects};
pub use pod::{SIDECAR_CONTAINER, workload_of_owner};
pub use schema::{Schema, Schemas, Violation, Wrong};
pub use service::{AppProtocol, Service, ServicePort, TargetPort};
pub use settings::MeshSettings;
pub use snapshot::{
    Attachment, DestinationPolicy, EffectiveMtls, EffectiveOutbound, EntryService, ServiceEndpoint, Snapshot,
};
pub use view::{
    AuthorizationPolicy, AuthorizationRule, ClientTls, ConnectionPoolSettings, ConsistentHash, CorsPolicy,
    Destination, DestinationRule, DirectResponse, EntryEndpoint, EnvoyFilter, EnvoyPatch, Fault, FaultAbort,
    FaultDelay, Gateway, HashCookie, HeaderOperations, Headers, HttpMatch, HttpRule, KeyPair, LoadBalancer,
    LocalRateLimit, Mirror, MtlsMode, NamespaceObject, OutboundMode, OutlierDetection, PeerAuthentication,
    Percent, Redirect, Resolution, Retries, Rewrite, RewriteRegex, SecretObject, Server, ServerTls,
    ServiceAccount, ServiceEntry, Sidecar, StringMatch, Subset, TcpRule, Telemetry, TlsMode, TrafficPolicy,
    VirtualService, WeightedDestination,
};
pub use workload::{ContainerPort, Workload, app_of, version_of};
