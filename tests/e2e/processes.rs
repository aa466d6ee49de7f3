//! A demo ends with everything that it started, however it ends, and several live side by side.

use std::{path::Path, process::Command, time::Duration};

use rustix::process::Signal;
use vigla_tests::{Demo, Options, complete_graph, given, processes_that_mention, run_as_root, until};

/// Sidecars of the embedded mesh: six workloads and the gateway.
const SIDECARS: usize = 7;

fn sidecars(demo: &Demo) -> usize {
    let own = demo.runtime().display().to_string();
    processes_that_mention(&own)
        .iter()
        .filter(|process| process.command.contains("vigla-proxy"))
        .count()
}

#[tokio::test]
async fn each_workload_has_a_sidecar_process_of_its_own() {
    let Some(demo) = Demo::with(&[]).await else { return };
    complete_graph(&demo).await;
    assert_eq!(sidecars(&demo), SIDECARS);
}

#[tokio::test]
async fn a_demo_that_is_asked_to_end_leaves_nothing_behind() {
    for signal in [Signal::INT, Signal::TERM] {
        let Some(mut demo) = Demo::with(&[]).await else {
            return;
        };
        complete_graph(&demo).await;
        demo.signal(signal);
        let status = demo.wait(Duration::from_secs(10)).expect("it ends");
        assert!(status.success(), "{signal:?}: {status}");
        assert_eq!(processes_that_mention(&demo.runtime().display().to_string()), []);
        assert_eq!(
            run_directories(demo.runtime()),
            0,
            "the run directory stays after {signal:?}"
        );
    }
}

#[tokio::test]
async fn a_killed_demo_takes_its_sidecars_along_and_the_next_one_cleans_up() {
    let Some(mut demo) = Demo::with(&[]).await else {
        return;
    };
    complete_graph(&demo).await;
    demo.signal(Signal::KILL);
    demo.wait(Duration::from_secs(2))
        .expect("a killed process is gone");
    let own = demo.runtime().display().to_string();
    until("end of all sidecars", Duration::from_secs(2), async || {
        processes_that_mention(&own).is_empty()
    })
    .await;

    let options = Options {
        runtime: Some(demo.runtime().to_owned()),
        ..Options::default()
    };
    let Some(next) = Demo::start(options).await else {
        return;
    };
    complete_graph(&next).await;
    assert_eq!(
        run_directories(demo.runtime()),
        1,
        "the dead demo's run directory stays"
    );
}

#[tokio::test]
async fn two_demos_live_side_by_side() {
    let Some(first) = Demo::with(&["--rate", "20"]).await else {
        return;
    };
    let options = Options {
        runtime: Some(first.runtime().to_owned()),
        ..Options::arguments(["--rate", "20"])
    };
    let Some(second) = Demo::start(options).await else {
        return;
    };
    let (one, other) = (complete_graph(&first).await, complete_graph(&second).await);
    assert_eq!(one.edges.len(), other.edges.len());
    assert_ne!(first.address(), second.address());
    drop(second);
    complete_graph(&first).await;
}

#[tokio::test]
async fn the_demo_needs_no_rights() {
    if !run_as_root() {
        // Then all other tests have shown it already.
        return;
    }
    const NOBODY: u32 = 65534;
    let Some(demo) = Demo::start(Options {
        user: Some(NOBODY),
        ..Options::default()
    })
    .await
    else {
        return;
    };
    complete_graph(&demo).await;
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let Some(demo) = Demo::with(&[]).await else { return };
    let port = demo.address().rsplit(':').next().expect("an address has a port");
    let program = given(vigla_tests::Given::Vigla).expect("the first demo runs from it");
    let output = Command::new(program)
        .args(["demo", "--port", port])
        .env("XDG_RUNTIME_DIR", demo.runtime())
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains(port), "{said}");
    assert_eq!(said.trim().lines().count(), 1, "one line is enough: {said}");
}

#[tokio::test]
async fn everything_fits_on_one_address() {
    let Some(demo) = Demo::with(&["--capture", "ports"]).await else {
        return;
    };
    complete_graph(&demo).await;
}

/// Run directories of living and dead demos.
fn run_directories(runtime: &Path) -> usize {
    let entries = std::fs::read_dir(runtime.join("vigla"))
        .into_iter()
        .flatten()
        .flatten();
    entries.filter(|entry| entry.path().is_dir()).count()
}
