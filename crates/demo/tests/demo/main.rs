//! The demo with real sidecars. `VIGLA_PROXY_BIN` names the built `vigla-proxy`; without it these tests say that
//! they are skipped.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail by panic and say what they skip"
)]

mod folder;
mod help;
mod processes;

use std::time::Duration;

use vigla_demo::{CaptureMode, Demo, EnvoyChoice};

use help::{check_whole_mesh, counts, given, outcomes, until};

#[tokio::test(flavor = "multi_thread")]
async fn every_request_finds_its_way_through_the_sidecars() {
    let Some(given) = given("every_request_finds_its_way_through_the_sidecars").await else {
        return;
    };
    let options = given.options.clone();
    check_whole_mesh(options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_and_many_ports_do_as_well() {
    let Some(given) = given("one_address_and_many_ports_do_as_well").await else {
        return;
    };
    let mut options = given.options.clone();
    options.capture = CaptureMode::Ports;
    check_whole_mesh(options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_envoy_in_every_place_carries_the_same_traffic() {
    let name = "real_envoy_in_every_place_carries_the_same_traffic";
    let Some(given) = given(name).await else { return };
    let mut options = given.options.clone();
    let Some(envoy) = std::env::var_os("VIGLA_ENVOY") else {
        println!("{name}: skipped, because VIGLA_ENVOY does not name an envoy");
        return;
    };
    options.envoy_program = Some(envoy.into());
    options.envoy = EnvoyChoice::Workloads(vec!["nobody".to_owned()]);
    let error = Demo::start(options.clone()).await.unwrap_err().to_string();
    assert!(
        error.starts_with("no workload `nobody` has a sidecar; there are details-v1, "),
        "{error}"
    );
    options.envoy = EnvoyChoice::All;
    check_whole_mesh(options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_demos_run_side_by_side() {
    let Some(given) = given("two_demos_run_side_by_side").await else {
        return;
    };
    let options = given.options.clone();
    tokio::join!(check_whole_mesh(options.clone()), check_whole_mesh(options));
}

#[tokio::test(flavor = "multi_thread")]
async fn scenarios_change_the_traffic_and_are_undone() {
    let Some(given) = given("scenarios_change_the_traffic_and_are_undone").await else {
        return;
    };
    let options = given.options.clone();
    let demo = Demo::start(options).await.unwrap();
    let before = demo.config().borrow().clone();
    let reviews = "http://reviews:9080/reviews/0";
    let of_reviews = || outcomes(&counts(&demo), "bookinfo/productpage-v1", reviews);
    let second = Duration::from_secs(10);
    until("traffic", second, async || {
        of_reviews().contains_key("200").then_some(())
    })
    .await;
    assert_eq!(of_reviews().keys().collect::<Vec<_>>(), ["200"]);

    let scenarios = demo.scenarios();
    let applied = scenarios.apply("broken-subset", 1).await.unwrap();
    assert_eq!(
        (applied.step, applied.steps, applied.revision),
        (1, 1, before.revision + 1)
    );
    assert_eq!(scenarios.apply("broken-subset", 1).await.unwrap(), applied);
    until("503 from a missing subset", second, async || {
        (*of_reviews().get("503")? > 5).then_some(())
    })
    .await;

    scenarios.apply("mtls-strict", 1).await.unwrap();
    let details = "http://details.bookinfo:9080/details/0";
    let refused = async || {
        outcomes(&counts(&demo), "legacy/batch-report", details)
            .contains_key("no_response")
            .then_some(())
    };
    until("plain text is refused", second, refused).await;

    for name in ["broken-subset", "mtls-strict", "mtls-strict"] {
        assert_eq!(scenarios.undo(name).await.unwrap().step, 0);
    }
    assert!(
        scenarios
            .list()
            .await
            .iter()
            .all(|scenario| scenario.applied.is_none())
    );
    let texts = |state: &vigla_sources::ConfigState| -> Vec<_> {
        state
            .files
            .iter()
            .map(|file| (file.name.clone(), file.text.clone()))
            .collect()
    };
    assert_eq!(texts(&demo.config().borrow()), texts(&before));
    assert_eq!(
        std::fs::read_dir(demo.run_dir().join("overlay")).unwrap().count(),
        0
    );
    let unknown = scenarios.apply("../mesh", 1).await.unwrap_err();
    assert!(
        unknown.to_string().starts_with("there is no scenario `../mesh`"),
        "{unknown}"
    );
    demo.shutdown().await;
}
