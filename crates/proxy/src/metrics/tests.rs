//! Series as text.

use std::time::Duration;

use vigla_model::{Principal, Reporter, ResponseFlag};

use super::*;

fn telemetry(reporter: Reporter) -> Telemetry {
    Telemetry {
        reporter,
        local: PeerIdentity {
            cluster: Some("demo".into()),
            namespace: Some("bookinfo".into()),
            workload: Some("reviews-v1".into()),
            app: Some("reviews".into()),
            version: Some("v1".into()),
            principal: Some(Principal::new("cluster.local", "bookinfo", "reviews")),
        },
        service: Some("reviews.bookinfo.svc.cluster.local".into()),
    }
}

fn key(metrics: &Metrics, reporter: Reporter, peer: &Peer) -> RequestKey {
    let telemetry = telemetry(reporter);
    RequestKey {
        telemetry: metrics.telemetry(&telemetry),
        peer: metrics.peer(peer),
        service: metrics.service(&telemetry.service),
        protocol: Protocol::Http,
        status: 200,
        flags: ResponseFlags::NONE,
        grpc_status: None,
    }
}

#[test]
fn a_request_at_the_destination_has_all_of_istios_labels() {
    let metrics = Metrics::new();
    let caller = Peer {
        identity: PeerIdentity {
            namespace: Some("bookinfo".into()),
            workload: Some("productpage-v1".into()),
            principal: Some(Principal::new("cluster.local", "bookinfo", "productpage")),
            ..PeerIdentity::default()
        },
        address: None,
        mutual_tls: true,
    };
    let series = metrics.request(key(&metrics, Reporter::Destination, &caller));
    series.series.add(Duration::from_micros(700), 0, 500);
    let text = render(vec![metrics.copy(), metrics.copy()]);
    let line = text
        .lines()
        .find(|line| line.starts_with("istio_requests_total"))
        .unwrap();
    assert_eq!(
        line.replace(",", ",\n"),
        "\
istio_requests_total{reporter=\"destination\",
source_workload=\"productpage-v1\",
source_workload_namespace=\"bookinfo\",
source_canonical_service=\"unknown\",
source_canonical_revision=\"unknown\",
source_app=\"unknown\",
source_version=\"unknown\",
source_principal=\"spiffe://cluster.local/ns/bookinfo/sa/productpage\",
source_cluster=\"unknown\",
destination_workload=\"reviews-v1\",
destination_workload_namespace=\"bookinfo\",
destination_canonical_service=\"reviews\",
destination_canonical_revision=\"v1\",
destination_app=\"reviews\",
destination_version=\"v1\",
destination_principal=\"spiffe://cluster.local/ns/bookinfo/sa/reviews\",
destination_cluster=\"demo\",
destination_service=\"reviews.bookinfo.svc.cluster.local\",
destination_service_name=\"reviews\",
destination_service_namespace=\"bookinfo\",
connection_security_policy=\"mutual_tls\",
request_protocol=\"http\",
response_code=\"200\",
grpc_response_status=\"\",
response_flags=\"-\"} 2"
    );
    assert!(text.contains("le=\"0.5\"} 0\n"), "{text}");
    assert!(text.contains("le=\"1\"} 2\n"), "{text}");
    assert!(text.contains("istio_response_bytes_sum"), "{text}");
}

#[test]
fn beyond_the_bound_callers_become_overflow() {
    let metrics = Metrics::new();
    for caller in 0..MAX_SERIES + 100 {
        let peer = Peer {
            address: Some(IpAddr::from((caller as u32).to_be_bytes())),
            ..Peer::default()
        };
        let series = metrics.request(key(&metrics, Reporter::Destination, &peer));
        series.series.add(Duration::from_millis(1), 0, 0);
    }
    let text = render(vec![metrics.copy()]);
    let counted: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("istio_requests_total{"))
        .collect();
    assert_eq!(counted.len(), MAX_SERIES + 1);
    let overflow = counted
        .iter()
        .find(|line| line.contains("source_workload=\"overflow\""))
        .unwrap();
    assert!(overflow.ends_with("} 100"), "{overflow}");
}

#[test]
fn refused_connections_name_address_and_destination() {
    let metrics = Metrics::new();
    let peer = Peer {
        address: Some([127, 64, 9, 3].into()),
        ..Peer::default()
    };
    metrics.count_refused(RefusedKey {
        telemetry: metrics.telemetry(&telemetry(Reporter::Destination)),
        peer: metrics.peer(&peer),
        flags: ResponseFlags::NONE.with(ResponseFlag::NoRoute),
    });
    let text = render(vec![metrics.copy()]);
    for part in [
        "vigla_connections_refused_total{reporter=\"destination\",source_address=\"127.64.9.3\"",
        "destination_workload=\"reviews-v1\"",
        "response_flags=\"NR\"} 1",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
