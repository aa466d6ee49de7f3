//! Caller → its sidecar → mTLS → the callee's sidecar → application.

use vigla_identity::Authority;

use crate::{
    app::App,
    mesh::{Mode, inbound, now, outbound_to, secrets},
    world::*,
};

/// Both sidecars and the address where the caller enters.
async fn pair(app: &App, mode: Mode, allowed: &str) -> (World, World, std::net::SocketAddr) {
    let authority = Authority::create("cluster.local", now()).unwrap();
    let mut callee = World::new();
    callee.secrets = secrets(&authority, "reviews", "reviews-v1");
    let address = inbound(&mut callee, app.address, mode);
    callee.apply().await;
    let mut caller = World::new();
    caller.secrets = secrets(&authority, "productpage", "productpage-v1");
    let entry = outbound_to(&mut caller, address, allowed);
    caller.apply().await;
    (caller, callee, entry)
}

#[tokio::test]
async fn both_sides_count_what_the_application_counts() {
    let app = App::start().await;
    let (caller, callee, entry) = pair(&app, Mode::Strict, "reviews").await;
    let mut client = Caller::new(entry).await;
    for number in 0..50 {
        let answer = client.get(&format!("/{number}")).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains("x-vigla-peer"), "{}", answer.body);
        let certificate = "x-forwarded-client-cert: By=spiffe://cluster.local/ns/bookinfo/sa/reviews;\
            URI=spiffe://cluster.local/ns/bookinfo/sa/productpage";
        assert!(answer.body.contains(certificate), "{}", answer.body);
    }
    assert_eq!(app.count(), 50);
    let source = [
        "reporter=\"source\"",
        "source_principal=\"spiffe://cluster.local/ns/bookinfo/sa/productpage\"",
        "destination_principal=\"spiffe://cluster.local/ns/bookinfo/sa/reviews\"",
        "destination_workload=\"reviews-v1\"",
        "connection_security_policy=\"unknown\"",
    ];
    assert_eq!(caller.metric("istio_requests_total", &source).await, 50);
    let destination = [
        "reporter=\"destination\"",
        "source_workload=\"productpage-v1\"",
        "source_workload_namespace=\"bookinfo\"",
        "source_principal=\"spiffe://cluster.local/ns/bookinfo/sa/productpage\"",
        "destination_workload=\"reviews-v1\"",
        "destination_service_name=\"reviews\"",
        "connection_security_policy=\"mutual_tls\"",
    ];
    assert_eq!(callee.metric("istio_requests_total", &destination).await, 50);
    assert!(!callee.proxy.metrics().await.contains("source_address"));
    let line = &callee.end().await[0];
    assert_eq!(
        line["requested_server_name"],
        "outbound_.9080_._.reviews.bookinfo.svc.cluster.local"
    );
}

#[tokio::test]
async fn an_endpoint_with_another_identity_is_not_spoken_to() {
    let app = App::start().await;
    let (caller, _callee, entry) = pair(&app, Mode::Strict, "ratings").await;
    assert_eq!(Caller::new(entry).await.get("/").await.status, 503);
    assert_eq!(app.count(), 0);
    assert_eq!(
        caller
            .metric("istio_requests_total", &["response_flags=\"UF\""])
            .await,
        1
    );
    let line = &caller.end().await[0];
    let reason = line["upstream_transport_failure_reason"].as_str().unwrap();
    assert!(
        reason.contains("spiffe://cluster.local/ns/bookinfo/sa/reviews"),
        "{reason}"
    );
}

#[tokio::test]
async fn plaintext_is_told_by_its_address_and_refused_when_strict() {
    let app = App::start().await;
    let (_caller, mut callee, _entry) = pair(&app, Mode::Permissive, "reviews").await;
    let address = callee.plan.listeners["inbound|9080"].address;
    let mut client = Caller::new(address).await;
    let mut claiming = get("reviews", "/");
    claiming
        .headers_mut()
        .insert("x-vigla-peer", "legacy-client.bookinfo".parse().unwrap());
    let answer = client.send(claiming).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("x-vigla-peer"), "{}", answer.body);
    assert_eq!(client.get("/").await.status, 200);
    let labels = [
        "connection_security_policy=\"none\"",
        "source_address=\"127.0.0.1\"",
    ];
    assert_eq!(callee.metric("istio_requests_total", &labels).await, 2);
    assert_eq!(
        callee
            .metric("istio_requests_total", &["source_workload=\"legacy-client\""])
            .await,
        1
    );

    inbound(&mut callee, app.address, Mode::Strict);
    callee.apply().await;
    // The open connection belonged to the chain that is gone.
    assert!(client.send(get("reviews", "/")).await.is_err());
    assert!(
        Caller::new(address)
            .await
            .send(get("reviews", "/"))
            .await
            .is_err()
    );
    let refused = [
        "source_address=\"127.0.0.1\"",
        "destination_workload=\"reviews-v1\"",
        "response_flags=\"NR\"",
    ];
    assert_eq!(
        callee.metric("vigla_connections_refused_total", &refused).await,
        1
    );
    assert_eq!(app.count(), 2);
    let line = callee.end().await.pop().unwrap();
    assert_eq!(line["connection_termination_details"], "filter_chain_not_found");
}

#[tokio::test]
async fn new_secrets_are_used_without_losing_a_request() {
    let app = App::start().await;
    let (mut caller, mut callee, entry) = pair(&app, Mode::Strict, "reviews").await;
    let mut client = Caller::new(entry).await;
    for _ in 0..3 {
        // Another authority: old certificates would not do for new connections.
        let authority = Authority::create("cluster.local", now()).unwrap();
        callee.secrets = secrets(&authority, "reviews", "reviews-v1");
        caller.secrets = secrets(&authority, "productpage", "productpage-v1");
        callee.apply().await;
        caller.apply().await;
        for _ in 0..5 {
            assert_eq!(client.get("/").await.status, 200);
        }
    }
    assert_eq!(app.count(), 15);
}
