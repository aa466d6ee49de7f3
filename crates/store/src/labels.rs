//! From the labels of a series to the edge and column that it counts for.
//!
//! Two writers are understood: `vigla-proxy` (Istio's names) and stock Envoy (names with `envoy_` before them, `-` or
//! nothing for what is missing, the caller's certificate name in `source_peer`). From here on they are the same.

use std::{collections::HashMap, sync::Arc};

use vigla_graph::TrafficKey;
use vigla_model::{Fqdn, PeerIdentity, Principal, Protocol, Reporter, ResponseFlags, SecurityPolicy};

use crate::exposition;

/// Which number of an edge a series counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Column {
    Requests,
    /// Requests that took no longer than this many milliseconds.
    Bucket(f64),
    DurationSum,
    /// Bytes from caller to callee.
    BytesSent,
    BytesReceived,
    /// Opened, or refused when the key says so.
    Connections,
}

/// What a family counts; `None` for families that no edge shows.
///
/// Istio's names of TCP bytes look from the callee: what it received, the caller sent.
pub(crate) fn family(name: &[u8]) -> Option<Family> {
    Some(match name {
        b"istio_requests_total" => Family::Requests,
        b"istio_request_duration_milliseconds_bucket" => Family::Buckets,
        b"istio_request_duration_milliseconds_sum" => Family::DurationSum,
        b"istio_request_bytes_sum" => Family::BytesSent,
        b"istio_response_bytes_sum" => Family::BytesReceived,
        b"istio_tcp_received_bytes_total" => Family::TcpBytesSent,
        b"istio_tcp_sent_bytes_total" => Family::TcpBytesReceived,
        b"istio_tcp_connections_opened_total" => Family::TcpOpened,
        b"vigla_connections_refused_total" => Family::Refused,
        _ => return None,
    })
}

/// Families of metrics that edges are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Requests,
    Buckets,
    DurationSum,
    BytesSent,
    BytesReceived,
    TcpBytesSent,
    TcpBytesReceived,
    TcpOpened,
    Refused,
}

impl Family {
    fn is_tcp(self) -> bool {
        matches!(
            self,
            Self::TcpBytesSent | Self::TcpBytesReceived | Self::TcpOpened | Self::Refused
        )
    }

    fn column(self, le: Option<&String>) -> Option<Column> {
        Some(match self {
            Self::Requests => Column::Requests,
            Self::Buckets => Column::Bucket(le?.parse().ok().filter(|bound: &f64| !bound.is_nan())?),
            Self::DurationSum => Column::DurationSum,
            Self::BytesSent | Self::TcpBytesSent => Column::BytesSent,
            Self::BytesReceived | Self::TcpBytesReceived => Column::BytesReceived,
            Self::TcpOpened | Self::Refused => Column::Connections,
        })
    }
}

/// Key and column of a series; `None` when it does not say who reports, or its bucket has no bound.
pub(crate) fn read(family: Family, head: &[u8]) -> Option<(TrafficKey, Column)> {
    let labels = Labels(exposition::labels(head).collect());
    let reporter = match labels.get("reporter")? {
        "source" => Reporter::Source,
        "destination" => Reporter::Destination,
        _ => return None,
    };
    let column = family.column(labels.0.get("le"))?;
    let mut source = labels.peer(&SOURCE);
    if source.workload.is_none()
        && let Some((workload, namespace)) = labels.get("source_peer").and_then(caller_of)
    {
        (source.workload, source.namespace) = (Some(workload.into()), Some(namespace.into()));
    }
    let protocol = match labels.get("request_protocol") {
        _ if family.is_tcp() => Protocol::Tcp,
        Some("grpc") => Protocol::Grpc,
        _ => Protocol::Http,
    };
    let number = |name: &str| labels.get(name).and_then(|text| text.parse().ok());
    let known = |name: &str| labels.get(name).is_some();
    let key = TrafficKey {
        reporter,
        // An address counts for callers only that have no better name.
        source_address: labels
            .get("source_address")
            .filter(|_| source.workload.is_none())
            .map(Into::into),
        source,
        destination: labels.peer(&DESTINATION),
        service: labels.get("destination_service").map(Fqdn::new),
        protocol,
        response_code: number("response_code").filter(|_| !family.is_tcp()),
        grpc_status: number("grpc_response_status").filter(|_| known("grpc_response_status")),
        flags: labels.get("response_flags").map_or(ResponseFlags::NONE, flags),
        security: match labels.get("connection_security_policy") {
            Some("mutual_tls") => SecurityPolicy::MutualTls,
            Some("none") => SecurityPolicy::None,
            _ => SecurityPolicy::Unknown,
        },
        refused: family == Family::Refused,
    };
    Some((key, column))
}

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

/// Names of the labels of one end, in the order in which [`Labels::peer`] takes them.
type PeerLabels = [&'static str; 8];

const SOURCE: PeerLabels = [
    "source_cluster",
    "source_workload_namespace",
    "source_workload",
    "source_app",
    "source_canonical_service",
    "source_version",
    "source_canonical_revision",
    "source_principal",
];
const DESTINATION: PeerLabels = [
    "destination_cluster",
    "destination_workload_namespace",
    "destination_workload",
    "destination_app",
    "destination_canonical_service",
    "destination_version",
    "destination_canonical_revision",
    "destination_principal",
];

struct Labels<'a>(HashMap<&'a str, String>);

impl Labels<'_> {
    /// The value, unless it is one of the many words for "not known".
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !matches!(*value, "" | "-" | "unknown"))
    }

    fn peer(&self, names: &PeerLabels) -> PeerIdentity {
        let [
            cluster,
            namespace,
            workload,
            app,
            service,
            version,
            revision,
            principal,
        ] = names.map(|name| self.get(name));
        PeerIdentity {
            cluster: cluster.map(Into::into),
            namespace: namespace.map(Into::into),
            workload: workload.map(Into::into),
            app: app.or(service).map(Into::into),
            // Istio's canonical revision of a workload without version is `latest`.
            version: version
                .or(revision.filter(|word| *word != "latest"))
                .map(Into::into),
            principal: principal.and_then(|text| Principal::parse(text).ok()),
        }
    }
}

/// Keys by value, so that rows of several targets meet and labels stand in memory once.
pub(crate) type Keys = HashMap<Arc<TrafficKey>, u32>;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(head: &str) -> (TrafficKey, Column) {
        let line = format!("{head} 1");
        let line = exposition::lines(line.as_bytes()).next().unwrap();
        read(family(line.name).unwrap(), line.head).unwrap()
    }

    #[test]
    fn both_proxies_say_the_same() {
        let ours = r#"istio_requests_total{reporter="destination",source_workload="productpage-v1",source_workload_namespace="bookinfo",source_canonical_service="unknown",source_principal="spiffe://cluster.local/ns/bookinfo/sa/productpage",destination_workload="reviews-v1",destination_workload_namespace="bookinfo",destination_app="reviews",destination_version="v1",destination_canonical_revision="v1",destination_service="reviews.bookinfo.svc.cluster.local",request_protocol="http",response_code="200",grpc_response_status="",response_flags="-",connection_security_policy="mutual_tls"}"#;
        let envoys = r#"envoy_istio_requests_total{reporter="destination",source_peer="productpage.bookinfo.svc.cluster.local,productpage-v1.bookinfo.pod.vigla",source_app="-",source_principal="spiffe://cluster.local/ns/bookinfo/sa/productpage",destination_workload="reviews-v1",destination_workload_namespace="bookinfo",destination_app="reviews",destination_version="v1",destination_service="reviews.bookinfo.svc.cluster.local",request_protocol="http",response_code="200",grpc_response_status="-",response_flags="-",connection_security_policy="mutual_tls"}"#;
        assert_eq!(key(ours), key(envoys));
        let (key, column) = key(ours);
        assert_eq!(key.source.workload, Some("productpage-v1".into()));
        assert_eq!(
            (key.response_code, key.grpc_status, column),
            (Some(200), None, Column::Requests)
        );
    }

    #[test]
    fn tcp_bytes_are_named_from_the_callee_and_shown_from_the_caller() {
        let (key_of, column) = key(
            r#"istio_tcp_received_bytes_total{reporter="destination",source_address="10.0.0.9",response_flags="UF,XYZ"}"#,
        );
        assert_eq!((key_of.protocol, column), (Protocol::Tcp, Column::BytesSent));
        assert_eq!(key_of.source_address.as_deref(), Some("10.0.0.9"));
        assert_eq!(key_of.flags.to_string(), "UF");
    }

    #[test]
    fn refused_connections_and_buckets_have_their_columns() {
        let (refused, column) = key(
            r#"vigla_connections_refused_total{reporter="destination",source_address="10.0.0.9",response_flags="NR"}"#,
        );
        assert!(refused.refused && column == Column::Connections);
        let (_, bucket) = key(r#"istio_request_duration_milliseconds_bucket{reporter="source",le="+Inf"}"#);
        assert_eq!(bucket, Column::Bucket(f64::INFINITY));
        assert_eq!(family(b"istio_request_duration_milliseconds_count"), None);
        let without = br#"istio_requests_total{source_workload="a"}"#;
        assert!(read(Family::Requests, without).is_none());
    }
}
