//! The demo with real sidecars. `VIGLA_PROXY_BIN` names the built `vigla-proxy`; without it these tests say that
//! they are skipped.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail by panic and say what they skip"
)]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, MutexGuard};
use vigla_demo::{AppCounts, CaptureMode, Demo, DemoOptions, EnvoyChoice, GeneratorState, SidecarStatus};
use vigla_model::{PeerIdentity, Reporter, Window};

/// Demos are started one after the other: proxies of a debug build are slow, and machines of tests small.
static TURN: Mutex<()> = Mutex::const_new(());

/// What a test gets for a demo of its own.
struct Given {
    options: DemoOptions,
    base: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// Options for a demo of the test's own, or `None` when there is no proxy to run.
async fn given(test: &str) -> Option<Given> {
    let Some(program) = std::env::var_os("VIGLA_PROXY_BIN") else {
        println!("{test}: skipped, because VIGLA_PROXY_BIN does not name a vigla-proxy");
        return None;
    };
    let base = tempfile::tempdir().unwrap();
    let mut options = DemoOptions::new(PathBuf::from(program));
    options.runtime_dir = Some(base.path().to_owned());
    Some(Given {
        options,
        base,
        _turn: TURN.lock().await,
    })
}

async fn until<T>(what: &str, limit: Duration, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until_quiet(demo: &Demo) {
    let quiet = async || (demo.generator().state == GeneratorState::Quiet).then_some(());
    until("the generator is quiet", Duration::from_secs(40), quiet).await;
    // Callers of their own accord end with the generator; their last calls may be under way.
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn counts(demo: &Demo) -> BTreeMap<String, AppCounts> {
    demo.counts()
        .into_iter()
        .map(|counts| (counts.workload.clone(), counts))
        .collect()
}

fn outcomes(counts: &BTreeMap<String, AppCounts>, workload: &str, url: &str) -> BTreeMap<String, u64> {
    counts[workload]
        .calls
        .get(url)
        .map(|calls| calls.outcomes.clone())
        .unwrap_or_default()
}

/// All pages, and all that they call, arrive and are answered with 200.
async fn check_whole_mesh(mut options: DemoOptions) {
    // Proxies of a debug build on a busy machine are slow to shake hands.
    options.rate = 30.0;
    options.requests = Some(150);
    let demo = Demo::start(options).await.unwrap();
    until_quiet(&demo).await;
    let generator = demo.generator();
    assert_eq!(generator.sent, 150);
    assert_eq!(
        generator.outcomes,
        BTreeMap::from([("200".to_owned(), 150)]),
        "{:#?}",
        demo.sidecars()
    );
    let counts = counts(&demo);
    let received = |workload: &str, caller: &str| counts[workload].received.get(caller).copied().unwrap_or(0);
    assert_eq!(received("bookinfo/productpage-v1", "generator"), 150);
    let legacy = received("bookinfo/productpage-v1", "legacy/batch-report");
    assert!(legacy > 0);
    let pages = 150 + legacy;
    assert_eq!(received("bookinfo/details-v1", "bookinfo/productpage-v1"), pages);
    let reviews: Vec<u64> = (1..=3)
        .map(|v| received(&format!("bookinfo/reviews-v{v}"), "bookinfo/productpage-v1"))
        .collect();
    assert_eq!(reviews.iter().sum::<u64>(), pages);
    assert!(reviews.iter().all(|n| *n > pages / 6), "{reviews:?}");
    for v in 2..=3 {
        assert_eq!(
            received("bookinfo/ratings-v1", &format!("bookinfo/reviews-v{v}")),
            reviews[v - 1]
        );
    }
    check_counters(&demo, &counts).await;
    let run_dir = demo.run_dir().to_owned();
    let tail = demo.logs("bookinfo", "productpage-v1", 20).await.unwrap();
    assert_eq!(tail.lines.len(), 20);
    assert!(demo.logs("legacy", "batch-report", 20).await.is_err());
    demo.shutdown().await;
    assert!(!run_dir.exists());
}

/// What the sidecars count at both ends of every edge is what the applications saw, to the request.
async fn check_counters(demo: &Demo, counts: &BTreeMap<String, AppCounts>) {
    let mut rounds = demo.metrics().rounds();
    let now = rounds.borrow().number;
    // The round that is under way may have begun before the last request ended.
    rounds.wait_for(|round| round.number > now + 1).await.unwrap();
    let window = demo.metrics().traffic_in(Window::MINUTE, None).unwrap();
    let mut counted: BTreeMap<(Reporter, String, String), f64> = BTreeMap::new();
    for row in &window.rows {
        let name = |end: &PeerIdentity| match (&end.namespace, &end.workload) {
            (Some(namespace), Some(workload)) => format!("{namespace}/{workload}"),
            _ => "unknown".to_owned(),
        };
        let edge = (
            row.key.reporter,
            name(&row.key.source),
            name(&row.key.destination),
        );
        *counted.entry(edge).or_default() += row.totals.requests;
    }
    let mut seen = BTreeMap::new();
    for (callee, counts) in counts {
        for (caller, requests) in &counts.received {
            let caller = match caller.as_str() {
                "generator" => "istio-system/istio-ingressgateway",
                "legacy/batch-report" => "unknown",
                caller => caller,
            };
            let mut see =
                |reporter| seen.insert((reporter, caller.to_owned(), callee.clone()), *requests as f64);
            see(Reporter::Destination);
            if caller != "unknown" {
                see(Reporter::Source);
            }
        }
    }
    assert_eq!(counted, seen);
}

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
async fn a_folder_of_ones_own_gets_stand_ins_and_is_never_written() {
    let Some(given) = given("a_folder_of_ones_own_gets_stand_ins_and_is_never_written").await else {
        return;
    };
    let mut options = given.options.clone();
    let mesh = tempfile::tempdir().unwrap();
    std::fs::write(mesh.path().join("shop.yaml"), SHOP).unwrap();
    options.mesh_dir = Some(mesh.path().to_owned());
    options.requests = Some(20);
    let demo = Demo::start(options).await.unwrap();
    until_quiet(&demo).await;
    assert_eq!(
        demo.generator().outcomes,
        BTreeMap::from([("200".to_owned(), 20)])
    );
    assert_eq!(
        counts(&demo)["shop/cart"].received,
        BTreeMap::from([("shop/web".to_owned(), 20)])
    );
    let files: Vec<_> = std::fs::read_dir(mesh.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, ["shop.yaml"]);
    assert_eq!(
        std::fs::read_to_string(mesh.path().join("shop.yaml")).unwrap(),
        SHOP
    );
    demo.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_is_written_runs_and_one_that_is_removed_ends() {
    let name = "a_workload_that_is_written_runs_and_one_that_is_removed_ends";
    let Some(given) = given(name).await else { return };
    let mut options = given.options.clone();
    let mesh = tempfile::tempdir().unwrap();
    std::fs::write(mesh.path().join("shop.yaml"), SHOP).unwrap();
    options.mesh_dir = Some(mesh.path().to_owned());
    let demo = Demo::start(options).await.unwrap();
    let limit = Duration::from_secs(10);
    let extra = mesh.path().join("extra.yaml");
    let text = SHOP
        .split("---")
        .next()
        .unwrap()
        .replace("web", "extra")
        .replace("http://cart/items", "http://extra-is-no-service/");
    std::fs::write(&extra, text).unwrap();
    let sidecar = || {
        demo.sidecars()
            .into_iter()
            .find(|sidecar| sidecar.workload == "extra")
    };
    let pid = until("a new sidecar", limit, async || sidecar()?.pid).await;
    let known = async || {
        demo.control_plane()
            .proxies()
            .iter()
            .any(|proxy| &*proxy.workload == "extra" && proxy.in_sync)
            .then_some(())
    };
    until("it has its config", limit, known).await;
    assert!(counts(&demo).contains_key("shop/extra"));
    std::fs::remove_file(&extra).unwrap();
    until("it is gone", limit, async || {
        (sidecar().is_none() && !is_alive(pid)).then_some(())
    })
    .await;
    assert!(!counts(&demo).contains_key("shop/extra"));
    demo.shutdown().await;
}

const SHOP: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}, annotations: {demo.vigla/calls: 'http://cart/items'}}
    spec: {containers: [{ports: [{containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example]
  gateways: [front]
  http: [{route: [{destination: {host: web}}]}]
";

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
            "holds_a_demo_until_it_is_killed",
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

fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
