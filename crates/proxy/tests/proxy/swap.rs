//! Config changes under load.

use std::time::Duration;

use crate::{app::App, world::*};

#[tokio::test]
async fn changing_routes_endpoints_and_listeners_loses_no_request() {
    let (one, two) = (App::start().await, App::start().await);
    let (mut world, address) = World::to_app(one.address, to_v1()).await;
    let load = (0..8).map(|_| {
        tokio::spawn(async move {
            let mut caller = Caller::new(address).await;
            let mut bad = 0;
            for _ in 0..200 {
                bad += u32::from(caller.get("/").await.status != 200);
            }
            bad
        })
    });
    let load: Vec<_> = load.collect();
    for round in 0..20 {
        let app = if round % 2 == 0 { &two } else { &one };
        world.cluster(cluster("v1"), vec![endpoint(app.address)]);
        let mut extra = outbound();
        extra.name = format!("outbound|{round}").into();
        world.listen(extra);
        world.apply().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for caller in load {
        assert_eq!(caller.await.unwrap(), 0);
    }
    assert_eq!(one.count() + two.count(), 1600);
    assert!(one.count() > 0 && two.count() > 0);
    assert_eq!(
        world
            .metric("istio_requests_total", &["response_code=\"200\""])
            .await,
        1600
    );
}

#[tokio::test]
async fn a_listener_that_is_gone_accepts_nothing_more() {
    let app = App::start().await;
    let (mut world, address) = World::to_app(app.address, to_v1()).await;
    assert_eq!(Caller::new(address).await.get("/").await.status, 200);
    world.plan.listeners.clear();
    world.apply().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_busy_address_is_named_and_taken_when_it_is_free() {
    let app = App::start().await;
    let (mut world, _) = World::to_app(app.address, to_v1()).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut second = outbound();
    second.name = "outbound|second".into();
    second.address = taken.local_addr().unwrap();
    let address = world.listen(second);
    let plan = std::sync::Arc::new(world.plan.clone());
    let problems = world.proxy.apply(plan, Default::default()).await;
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].contains("outbound|second") && problems[0].contains("in use"),
        "{problems:?}"
    );
    drop(taken);
    world.apply().await;
    assert_eq!(Caller::new(address).await.get("/").await.status, 200);
}

#[tokio::test]
async fn a_listener_under_a_new_name_takes_over_the_address() {
    let app = App::start().await;
    let (mut world, address) = World::to_app(app.address, to_v1()).await;
    let mut renamed = outbound();
    renamed.name = "outbound|renamed".into();
    renamed.address = address;
    world.plan.listeners.clear();
    world.listen(renamed);
    world.apply().await;
    for _ in 0..5 {
        assert_eq!(Caller::new(address).await.get("/").await.status, 200);
    }
}

#[tokio::test]
async fn draining_lets_requests_finish() {
    let app = App::start().await;
    let (world, address) = World::to_app(app.address, to_v1()).await;
    let slow = tokio::spawn(async move { Caller::new(address).await.get("/slow").await.status });
    while app.count() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let lines = world.end().await;
    assert_eq!(slow.await.unwrap(), 200);
    assert_eq!(lines.len(), 1);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
