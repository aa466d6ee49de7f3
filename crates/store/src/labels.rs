//! From the text of a series to the edge and column that it counts for.

use std::{collections::HashMap, sync::Arc};

use vigla_graph::TrafficKey;
use vigla_sources::{
    Names,
    series::{Column, Family, Label, Labels},
};

use crate::exposition;

/// Key and column of a series; `None` when it does not say who reports, or its bucket has no bound.
pub(crate) fn read(family: Family, head: &[u8]) -> Option<(TrafficKey, Column)> {
    let written: Vec<_> = exposition::labels(head).collect();
    let mut labels = Labels::default();
    for (name, value) in &written {
        if let Some(label) = Label::find(name.as_bytes()) {
            labels.set(label, value);
        }
    }
    // A series is read once in its life: names that are kept for the next would outlive those that use them.
    labels.read(family, &mut Names::default())
}

/// Keys by value, so that rows of several targets meet and labels stand in memory once.
pub(crate) type Keys = HashMap<Arc<TrafficKey>, u32>;

#[cfg(test)]
mod tests {
    use vigla_model::Protocol;

    use super::*;

    fn key(head: &str) -> (TrafficKey, Column) {
        let line = format!("{head} 1");
        let line = exposition::lines(line.as_bytes()).next().unwrap();
        read(Family::find(line.name).unwrap(), line.head).unwrap()
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
        assert_eq!(Family::find(b"istio_request_duration_milliseconds_count"), None);
        let without = br#"istio_requests_total{source_workload="a"}"#;
        assert!(read(Family::Requests, without).is_none());
    }
}
