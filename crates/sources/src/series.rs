//! What the series of Istio's standard metrics count, and for which edge.
//!
//! Three writers are understood: `vigla-proxy` and Istio's own proxies (Istio's names and words), and stock Envoy as
//! our control plane sets it up (`-` or nothing for what is missing, the caller's certificate names in
//! `source_peer`). From here on they are the same, whoever scraped them.

use vigla_graph::TrafficKey;
use vigla_model::{
    AppName, ClusterName, Fqdn, Namespace, PeerIdentity, Protocol, Reporter, ResponseFlags, SecurityPolicy,
    Version, WorkloadName,
};

use crate::Names;

/// Which number of an edge a series counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Column {
    /// Requests.
    Requests,
    /// Requests that took no longer than this many milliseconds.
    Bucket(f64),
    /// Milliseconds that requests took.
    DurationSum,
    /// Bytes from caller to callee.
    BytesSent,
    /// Bytes from callee to caller.
    BytesReceived,
    /// Connections opened, or refused when the key says so.
    Connections,
    /// Messages of gRPC streams from caller to callee.
    MessagesSent,
    /// Messages of gRPC streams from callee to caller.
    MessagesReceived,
}

macro_rules! families {
    ($($(#[$doc:meta])* $family:ident $name:literal)*) => {
        /// Families of metrics that edges are made of.
        ///
        /// Istio's names of TCP bytes look from the callee: what it received, the caller sent.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Family {
            $(#[doc = $name] $family,)*
        }

        impl Family {
            /// The family with this name; `None` for those that no edge shows.
            pub fn find(name: &[u8]) -> Option<Self> {
                $(if name == $name.as_bytes() { return Some(Self::$family); })*
                None
            }

            /// Its name in Prometheus.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$family => $name,)* }
            }
        }
    };
}

families! {
    Requests "istio_requests_total"
    Buckets "istio_request_duration_milliseconds_bucket"
    DurationSum "istio_request_duration_milliseconds_sum"
    BytesSent "istio_request_bytes_sum"
    BytesReceived "istio_response_bytes_sum"
    TcpBytesSent "istio_tcp_received_bytes_total"
    TcpBytesReceived "istio_tcp_sent_bytes_total"
    TcpOpened "istio_tcp_connections_opened_total"
    Refused "vigla_connections_refused_total"
    MessagesSent "istio_request_messages_total"
    MessagesReceived "istio_response_messages_total"
    NativeDurations "istio_request_duration_milliseconds"
    NativeBytesSent "istio_request_bytes"
    NativeBytesReceived "istio_response_bytes"
}

impl Family {
    fn is_tcp(self) -> bool {
        matches!(
            self,
            Self::TcpBytesSent | Self::TcpBytesReceived | Self::TcpOpened | Self::Refused
        )
    }

    /// The number that it counts; `None` for a bucket without a bound, and for native histograms, which are none.
    pub fn column(self, le: Option<&str>) -> Option<Column> {
        Some(match self {
            Self::Requests => Column::Requests,
            Self::Buckets => Column::Bucket(le?.parse().ok().filter(|bound: &f64| !bound.is_nan())?),
            Self::DurationSum => Column::DurationSum,
            Self::BytesSent | Self::TcpBytesSent => Column::BytesSent,
            Self::BytesReceived | Self::TcpBytesReceived => Column::BytesReceived,
            Self::TcpOpened | Self::Refused => Column::Connections,
            Self::MessagesSent => Column::MessagesSent,
            Self::MessagesReceived => Column::MessagesReceived,
            Self::NativeDurations | Self::NativeBytesSent | Self::NativeBytesReceived => return None,
        })
    }
}

macro_rules! labels {
    ($($label:ident $name:literal)*) => {
        /// Labels that tell edges apart.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Label {
            $(#[doc = $name] $label,)*
        }

        impl Label {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$label,)*];

            /// The label with this name.
            pub fn find(name: &[u8]) -> Option<Self> {
                let name = std::str::from_utf8(name).ok()?;
                match name { $($name => Some(Self::$label),)* _ => None }
            }

            /// Its name in Prometheus.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$label => $name,)* }
            }
        }
    };
}

labels! {
    Reporter "reporter"
    SourceCluster "source_cluster"
    SourceNamespace "source_workload_namespace"
    SourceWorkload "source_workload"
    SourceApp "source_app"
    SourceService "source_canonical_service"
    SourceVersion "source_version"
    SourceRevision "source_canonical_revision"
    SourcePrincipal "source_principal"
    SourceAddress "source_address"
    SourcePeer "source_peer"
    DestinationCluster "destination_cluster"
    DestinationNamespace "destination_workload_namespace"
    DestinationWorkload "destination_workload"
    DestinationApp "destination_app"
    DestinationService "destination_canonical_service"
    DestinationVersion "destination_version"
    DestinationRevision "destination_canonical_revision"
    DestinationPrincipal "destination_principal"
    Host "destination_service"
    HostName "destination_service_name"
    Protocol "request_protocol"
    Code "response_code"
    GrpcStatus "grpc_response_status"
    Flags "response_flags"
    Security "connection_security_policy"
    Bound "le"
}

/// The labels of one series.
#[derive(Debug, Clone, Default)]
pub struct Labels<'a> {
    values: [Option<&'a str>; Label::ALL.len()],
}

impl<'a> Labels<'a> {
    /// Takes note of a label.
    pub fn set(&mut self, label: Label, value: &'a str) {
        self.values[label as usize] = Some(value);
    }

    /// The value, unless it is one of the many words for "not known".
    fn get(&self, label: Label) -> Option<&'a str> {
        self.values[label as usize].filter(|value| !matches!(*value, "" | "-" | "unknown"))
    }

    /// Key and column of a series with these labels; `None` when they do not say who reports, or a bucket has no bound.
    pub fn read(&self, family: Family, names: &mut Names) -> Option<(TrafficKey, Column)> {
        Some((
            self.key(family, names)?,
            family.column(self.values[Label::Bound as usize])?,
        ))
    }

    /// The key of a series with these labels; `None` when they do not say who reports.
    pub fn key(&self, family: Family, names: &mut Names) -> Option<TrafficKey> {
        let reporter = match self.get(Label::Reporter)? {
            "source" => Reporter::Source,
            // A waypoint stands before its callees and counts what comes to them, as their sidecars would.
            "destination" | "waypoint" => Reporter::Destination,
            _ => return None,
        };
        let mut source = self.peer(&SOURCE, names);
        if source.workload.is_none()
            && let Some((workload, namespace)) = self.get(Label::SourcePeer).and_then(caller_of)
        {
            source.workload = Some(WorkloadName::new(names.text(workload)));
            source.namespace = Some(Namespace::new(names.text(namespace)));
        }
        let protocol = match self.get(Label::Protocol) {
            _ if family.is_tcp() => Protocol::Tcp,
            Some("grpc") => Protocol::Grpc,
            _ => Protocol::Http,
        };
        let number = |label| self.get(label).and_then(|text| text.parse().ok());
        Some(TrafficKey {
            reporter,
            // An address counts for callers only that have no better name.
            source_address: self
                .get(Label::SourceAddress)
                .filter(|_| source.workload.is_none())
                .map(|address| names.text(address)),
            source,
            destination: self.peer(&DESTINATION, names),
            service: self.host().map(|host| Fqdn::new(names.text(host))),
            protocol,
            response_code: number(Label::Code).filter(|_| !family.is_tcp()),
            grpc_status: number(Label::GrpcStatus),
            flags: self.get(Label::Flags).map_or(ResponseFlags::NONE, flags),
            security: match self.get(Label::Security) {
                Some("mutual_tls") => SecurityPolicy::MutualTls,
                Some("none") => SecurityPolicy::None,
                _ => SecurityPolicy::Unknown,
            },
            refused: family == Family::Refused,
        })
    }

    /// The host that was called. For hosts that nobody registered Istio writes whatever the caller said into
    /// `destination_service`, and its own word for them into the short name.
    fn host(&self) -> Option<&'a str> {
        let short = self.get(Label::HostName);
        let unregistered = short.filter(|name| matches!(*name, "PassthroughCluster" | "BlackHoleCluster"));
        unregistered.or_else(|| self.get(Label::Host))
    }

    fn peer(&self, labels: &[Label; 8], names: &mut Names) -> PeerIdentity {
        let [
            cluster,
            namespace,
            workload,
            app,
            service,
            version,
            revision,
            principal,
        ] = labels.map(|label| self.get(label));
        // Istio's canonical revision of a workload without version is `latest`.
        let version = version.or(revision.filter(|word| *word != "latest"));
        PeerIdentity {
            cluster: cluster.map(|name| ClusterName::new(names.text(name))),
            namespace: namespace.map(|name| Namespace::new(names.text(name))),
            workload: workload.map(|name| WorkloadName::new(names.text(name))),
            app: app.or(service).map(|name| AppName::new(names.text(name))),
            version: version.map(|name| Version::new(names.text(name))),
            principal: principal.and_then(|text| names.principal(text)),
        }
    }
}

const SOURCE: [Label; 8] = [
    Label::SourceCluster,
    Label::SourceNamespace,
    Label::SourceWorkload,
    Label::SourceApp,
    Label::SourceService,
    Label::SourceVersion,
    Label::SourceRevision,
    Label::SourcePrincipal,
];
const DESTINATION: [Label; 8] = [
    Label::DestinationCluster,
    Label::DestinationNamespace,
    Label::DestinationWorkload,
    Label::DestinationApp,
    Label::DestinationService,
    Label::DestinationVersion,
    Label::DestinationRevision,
    Label::DestinationPrincipal,
];

/// The caller by its certificate's DNS names, of which one is ours.
fn caller_of(names: &str) -> Option<(&str, &str)> {
    names
        .split(',')
        .find_map(|name| PeerIdentity::parse_dns_san(name.trim()))
}

/// The flags that are known here; a newer proxy's others are passed over.
fn flags(text: &str) -> ResponseFlags {
    let known = text
        .split(',')
        .filter_map(|name| name.parse::<ResponseFlags>().ok());
    known
        .flat_map(|flags| flags.iter().collect::<Vec<_>>())
        .fold(ResponseFlags::NONE, ResponseFlags::with)
}
