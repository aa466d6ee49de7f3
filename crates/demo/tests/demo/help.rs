//! What all these tests share: options, waiting, and the check of a whole mesh.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use tokio::sync::{Mutex, MutexGuard};
use vigla_demo::{AppCounts, Demo, DemoOptions, GeneratorState};
use vigla_model::{PeerIdentity, Reporter, Window};

/// Demos are started one after the other: proxies of a debug build are slow, and machines of tests small.
static TURN: Mutex<()> = Mutex::const_new(());

/// What a test gets for a demo of its own.
pub(crate) struct Given {
    pub(crate) options: DemoOptions,
    pub(crate) base: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// Options for a demo of the test's own, or `None` when there is no proxy to run.
pub(crate) async fn given(test: &str) -> Option<Given> {
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

pub(crate) async fn until<T>(what: &str, limit: Duration, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn until_quiet(demo: &Demo) {
    let quiet = async || (demo.generator().state == GeneratorState::Quiet).then_some(());
    until("the generator is quiet", Duration::from_secs(40), quiet).await;
    // Callers of their own accord end with the generator; their last calls may be under way.
    tokio::time::sleep(Duration::from_millis(300)).await;
}

pub(crate) fn counts(demo: &Demo) -> BTreeMap<String, AppCounts> {
    demo.counts()
        .into_iter()
        .map(|counts| (counts.workload.clone(), counts))
        .collect()
}

pub(crate) fn outcomes(
    counts: &BTreeMap<String, AppCounts>,
    workload: &str,
    url: &str,
) -> BTreeMap<String, u64> {
    counts[workload]
        .calls
        .get(url)
        .map(|calls| calls.outcomes.clone())
        .unwrap_or_default()
}

/// All pages, and all that they call, arrive and are answered with 200.
pub(crate) async fn check_whole_mesh(mut options: DemoOptions) {
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
pub(crate) async fn check_counters(demo: &Demo, counts: &BTreeMap<String, AppCounts>) {
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

pub(crate) fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
