use super::*;

fn start(script: &str) -> Sidecar {
    start_with(Launch::shell(script))
}

fn start_with(launch: Launch) -> Sidecar {
    let spec = SidecarSpec {
        namespace: "shop".into(),
        workload: "cart".into(),
        instance: "cart-0".into(),
        admin: "127.0.0.1:1".parse().unwrap(),
        access_log: "/nowhere".into(),
        launch,
    };
    Sidecar::start(spec, Arc::new(Spawner::start().unwrap()))
}

async fn until(sidecar: &Sidecar, good: impl Fn(&SidecarStatus) -> bool) -> SidecarStatus {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let status = sidecar.status();
        if good(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_sidecar_that_dies_is_started_again_and_its_last_words_are_kept() {
    let sidecar = start("echo 'no such thing' >&2; exit 3");
    let status = until(&sidecar, |status| status.restarts >= 2).await;
    assert_eq!(status.last_exit.unwrap(), "exit status: 3: no such thing");
    sidecar.stop().await;
}

#[tokio::test]
async fn a_killed_sidecar_gets_a_new_process() {
    let sidecar = start("cat");
    let first = until(&sidecar, |status| status.pid.is_some()).await;
    assert!(first.rss_bytes.is_some() && first.cpu.is_some());
    let pid = rustix::process::Pid::from_raw(first.pid.unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let second = until(&sidecar, |status| {
        status.pid.is_some_and(|pid| Some(pid) != first.pid)
    })
    .await;
    assert_eq!(second.restarts, 1);
    sidecar.stop().await;
}

#[tokio::test]
async fn stopping_waits_for_the_process_to_drain() {
    let sidecar = start("trap 'sleep 0.1; exit 0' TERM; echo up >&2; while true; do sleep 0.05; done");
    until(&sidecar, |_| !sidecar.words().is_empty()).await;
    let pid = sidecar.status().pid.unwrap();
    let begun = Instant::now();
    sidecar.stop().await;
    assert!(!is_alive(pid));
    assert!(begun.elapsed() < DRAIN);
}

#[tokio::test]
async fn a_process_that_does_not_end_is_killed() {
    let sidecar = start("trap '' TERM; echo up >&2; while true; do sleep 0.05; done");
    until(&sidecar, |_| !sidecar.words().is_empty()).await;
    let pid = sidecar.status().pid.unwrap();
    sidecar.stop().await;
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_as_such() {
    let nowhere = std::path::Path::new("/no/such/program");
    let sidecar = start_with(Launch::envoy(nowhere, nowhere, nowhere));
    let status = until(&sidecar, |status| status.last_exit.is_some()).await;
    assert!(
        status
            .last_exit
            .unwrap()
            .starts_with("`/no/such/program` cannot be run"),
        "{:?}",
        sidecar.words()
    );
    sidecar.stop().await;
}
