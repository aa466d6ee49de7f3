//! Processes that die, and what is left of them: nothing.

use std::time::Duration;

use vigla_demo::{Demo, SidecarStatus};

use crate::help::{check_whole_mesh, counts, given, is_alive, kill, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sidecar_comes_back_and_gets_traffic_again() {
    let Some(given) = given("a_killed_sidecar_comes_back_and_gets_traffic_again").await else {
        return;
    };
    let options = given.options.clone();
    let demo = Demo::start(options).await.unwrap();
    let details = || {
        counts(&demo)["bookinfo/details-v1"]
            .received
            .values()
            .sum::<u64>()
    };
    until("traffic", Duration::from_secs(10), async || {
        (details() > 0).then_some(())
    })
    .await;
    let of_details = || {
        demo.sidecars()
            .into_iter()
            .find(|sidecar| sidecar.workload == "details-v1")
            .unwrap()
    };
    let first = of_details();
    kill(first.pid.unwrap());
    let back = async || Some(of_details()).filter(|now| now.pid.is_some() && now.pid != first.pid);
    let second: SidecarStatus = until("a new process", Duration::from_secs(5), back).await;
    assert_eq!(second.restarts, 1);
    let seen = details();
    until("traffic again", Duration::from_secs(5), async || {
        (details() > seen + 10).then_some(())
    })
    .await;
    demo.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_is_dropped_leaves_no_process() {
    let Some(given) = given("a_demo_that_is_dropped_leaves_no_process").await else {
        return;
    };
    let demo = Demo::start(given.options.clone()).await.unwrap();
    let all = async || {
        demo.sidecars()
            .iter()
            .map(|sidecar| sidecar.pid)
            .collect::<Option<Vec<u32>>>()
    };
    let pids = until("sidecars", Duration::from_secs(5), all).await;
    drop(demo);
    let gone = async || pids.iter().all(|pid| !is_alive(*pid)).then_some(());
    until("all sidecars are gone", Duration::from_secs(5), gone).await;
}

/// Not a test of its own: the process that the next one kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by another test as a process of its own"]
async fn holds_a_demo_until_it_is_killed() {
    let base = std::env::var_os("VIGLA_TEST_BASE").unwrap();
    let mut options = given("holds_a_demo_until_it_is_killed").await.unwrap().options;
    options.runtime_dir = Some(base.into());
    let demo = Demo::start(options).await.unwrap();
    let running = async || (demo.generator().sent > 0).then_some(());
    until("traffic", Duration::from_secs(20), running).await;
    let pids: Vec<String> = demo
        .sidecars()
        .iter()
        .filter_map(|s| Some(s.pid?.to_string()))
        .collect();
    println!("pids {}", pids.join(" "));
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_killed_demo_and_the_next_start_is_clean() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let Some(given) = given("nothing_outlives_a_killed_demo_and_the_next_start_is_clean").await else {
        return;
    };
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "processes::holds_a_demo_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env("VIGLA_TEST_BASE", given.base.path())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pids: Vec<u32> = loop {
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("the demo says its processes");
        if let Some((_, pids)) = line.split_once("pids ") {
            break pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
        }
    };
    assert_eq!(pids.len(), 7);
    child.kill().await.unwrap();
    let gone = async || pids.iter().all(|pid| !is_alive(*pid)).then_some(());
    until("all sidecars are gone", Duration::from_secs(2), gone).await;
    let left = std::fs::read_dir(given.base.path()).unwrap().count();
    assert!(left > 0, "a killed demo leaves its run directory");
    check_whole_mesh(given.options).await;
    assert_eq!(std::fs::read_dir(given.base.path()).unwrap().count(), 0);
}
