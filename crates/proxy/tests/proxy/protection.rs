//! Endpoints are protected from too much, and callers from endpoints that fail.

use std::{net::SocketAddr, time::Duration};

use vigla_dataplane::*;
use vigla_model::Protocol;

use crate::{
    app::App,
    echo::{Echo, Stub},
    world::*,
};

/// A proxy with one route to some endpoints, under a policy.
async fn to(endpoints: &[SocketAddr], route: Route, change: impl Fn(&mut Cluster)) -> (World, SocketAddr) {
    let mut world = World::new();
    let address = world.listen(outbound());
    world.routes(vec![route]);
    let mut cluster = cluster("v1");
    change(&mut cluster);
    world.cluster(
        cluster,
        endpoints.iter().map(|address| endpoint(*address)).collect(),
    );
    world.apply().await;
    (world, address)
}

/// Statuses of calls that are made at the same time.
async fn at_once(address: SocketAddr, count: usize) -> Vec<u16> {
    let calls: Vec<_> = (0..count)
        .map(|_| {
            tokio::spawn(async move {
                let answer = Caller::new(address).await.get("/slow").await;
                if answer.status == 503 {
                    assert_eq!(answer.headers["x-envoy-overloaded"], "true");
                }
                answer.status
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap());
    }
    statuses.sort_unstable();
    statuses
}

#[tokio::test]
async fn what_is_over_a_bound_is_refused_and_what_waits_gets_its_turn() {
    for (pool, want) in [
        (
            ConnectionPool {
                max_connections: Some(1),
                max_pending_requests: Some(1),
                ..ConnectionPool::default()
            },
            vec![200, 200, 503, 503],
        ),
        (
            ConnectionPool {
                max_requests: Some(3),
                ..ConnectionPool::default()
            },
            vec![200, 200, 200, 503],
        ),
    ] {
        let app = App::start().await;
        let (world, address) = to(&[app.address], to_v1(), |cluster| {
            cluster.connection_pool = pool.clone();
        })
        .await;
        // The first takes the connection before the others come.
        let first = tokio::spawn(async move { Caller::new(address).await.get("/slow").await.status });
        while app.count() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut statuses = at_once(address, 3).await;
        statuses.insert(0, first.await.unwrap());
        assert_eq!(statuses, want, "{pool:?}");
        let refused = want.iter().filter(|status| **status == 503).count() as u64;
        let labels = ["response_flags=\"UO\"", "response_code=\"503\""];
        assert_eq!(world.metric("istio_requests_total", &labels).await, refused);
        let metric = "envoy_cluster_upstream_rq_pending_overflow";
        assert_eq!(
            world.metric(metric, &["envoy_cluster_name=\"v1\""]).await,
            refused
        );
        // All is given back.
        assert_eq!(Caller::new(address).await.get("/").await.status, 200);
        let lines = world.end().await;
        let details = "upstream_reset_before_response_started{overflow}";
        let refused_lines = lines
            .iter()
            .filter(|line| line["response_code_details"] == details);
        assert_eq!(refused_lines.count() as u64, refused);
    }
}

#[tokio::test]
async fn requests_over_http2_are_bounded_too() {
    let echo = Echo::start(100).await;
    let (world, address) = to(&[echo.address], to_v1(), |cluster| {
        cluster.protocol = Protocol::Grpc;
        cluster.http = HttpVersion::Http2;
        cluster.connection_pool.max_requests = Some(2);
    })
    .await;
    let stub = Stub::new(address).await;
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let mut stub = stub.clone();
            tokio::spawn(async move { stub.call("/slow", &[], &[b"a"]).await.unwrap() })
        })
        .collect();
    let mut refused = 0;
    for call in calls {
        let reply = call.await.unwrap();
        refused += u32::from(reply.grpc_status() == Some("14"));
    }
    assert_eq!(refused, 3);
    assert_eq!(
        world
            .metric("istio_requests_total", &["response_flags=\"UO\""])
            .await,
        3
    );
}

#[tokio::test]
async fn a_connection_takes_no_more_requests_than_it_may() {
    let echo = Echo::start(100).await;
    let (_world, address) = to(&[echo.address], to_v1(), |cluster| {
        cluster.protocol = Protocol::Grpc;
        cluster.http = HttpVersion::Http2;
        cluster.connection_pool.max_requests_per_connection = Some(2);
    })
    .await;
    let mut stub = Stub::new(address).await;
    for _ in 0..6 {
        assert_eq!(
            stub.call("/echo", &[], &[b"a"]).await.unwrap().grpc_status(),
            Some("0")
        );
    }
    assert_eq!(echo.connections(), 3);
}

#[tokio::test]
async fn an_endpoint_that_fails_is_left_out_for_a_while() {
    let (good, bad) = (App::start().await, App::start().await);
    let (world, address) = to(&[good.address, bad.address], to_v1(), |cluster| {
        cluster.outlier = Some(Outlier {
            consecutive_5xx: Some(2),
            base_ejection_time: Duration::from_secs(2),
            interval: Duration::from_secs(1),
            max_ejection_percent: 50,
            ..Outlier::default()
        });
    })
    .await;
    let mut caller = Caller::new(address).await;
    // Both fail twice, but only half of them may go.
    for _ in 0..4 {
        assert_eq!(caller.get("/status/500").await.status, 500);
    }
    let before = (good.count(), bad.count());
    for _ in 0..10 {
        assert_eq!(caller.get("/").await.status, 200);
    }
    let after = (good.count() - before.0, bad.count() - before.1);
    assert!(matches!(after, (10, 0) | (0, 10)), "{after:?}");
    let clusters = world.proxy.clusters().await;
    let ejected = |text: &str| text.matches("health_flags::/failed_outlier_check").count();
    assert_eq!(ejected(&clusters), 1, "{clusters}");
    let active = "envoy_cluster_outlier_detection_ejections_active";
    assert_eq!(world.metric(active, &["envoy_cluster_name=\"v1\""]).await, 1);
    while ejected(&world.proxy.clusters().await) > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = (good.count(), bad.count());
    for _ in 0..10 {
        assert_eq!(caller.get("/").await.status, 200);
    }
    assert_eq!((good.count() - before.0, bad.count() - before.1), (5, 5));
    assert_eq!(world.metric(active, &[]).await, 0);
    let total = "envoy_cluster_outlier_detection_ejections_enforced_total";
    assert_eq!(world.metric(total, &[]).await, 1);
}

#[tokio::test]
async fn without_an_endpoint_left_callers_are_told_so() {
    let (world, address) = to(&[free_address()], to_v1(), |cluster| {
        cluster.outlier = Some(Outlier {
            consecutive_5xx: Some(2),
            max_ejection_percent: 100,
            ..Outlier::default()
        });
    })
    .await;
    let mut caller = Caller::new(address).await;
    for _ in 0..4 {
        assert_eq!(caller.get("/").await.status, 503);
    }
    let flags: Vec<_> = world
        .end()
        .await
        .iter()
        .map(|line| line["response_flags"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(flags, ["UF", "UF", "UH", "UH"]);
}
