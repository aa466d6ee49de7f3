//! The source over a server in all kinds of trouble, which stands between it and a good one.

use futures_util::future::join_all;
use vigla_sources::fakes::{Behaviour, FakeServer};

use super::*;

/// Trouble shows within this time: two questions that stay unanswered, and the pauses between.
const SHOWN: Duration = Duration::from_secs(12);
/// Requests under way at the same time.
const MOST: usize = 20;

fn open_at(url: &str) -> KubeSource {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = Config::new(url.parse().unwrap());
    config.default_retry = false;
    KubeSource::over(Client::try_from(config).unwrap(), "hostile", &[])
}

fn answer(text: &'static str) -> Behaviour {
    Behaviour::Answer(Arc::new(move |_| text.to_owned()))
}

async fn check(name: &str, begin: impl AsyncFnOnce(&FakeServer), end: impl AsyncFnOnce(&FakeServer)) {
    let mut tasks = JoinSet::new();
    let fake = cluster(&mut tasks).await;
    let good = fake.url.trim_start_matches("http://").parse().unwrap();
    let server = FakeServer::start(Behaviour::Pass(good)).await;
    let source = open_at(&server.url());
    let before = wait_for(&source, name, |state| state.files.len() == 6).await;

    begin(&server).await;
    let started = Instant::now();
    let state = loop {
        let state = source.state();
        if !state.errors.is_empty() {
            break state;
        }
        assert!(started.elapsed() < SHOWN, "{name}: nothing is said of it");
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(says(&state), says(&before), "{name}: what was there stays");
    let error = &state.errors[0].message;
    assert!(error.contains("what was read last stays"), "{name}: {error}");
    fake.put_unseen(rule("cart", 42));
    fake.put_unseen(service("late", 80));
    // Long enough for the questions that are asked again and again.
    sleep(Duration::from_secs(3)).await;
    assert_eq!(
        says(&source.state()),
        says(&before),
        "{name}: what was there still stays"
    );
    // What answers 200 to everything, in time, opens a watch for each kind.
    let most = if matches!(name, "huge" | "slow by bytes") {
        KINDS.len() + 1
    } else {
        MOST
    };
    assert!(
        server.most_at_once() <= most,
        "{name}: {} at once",
        server.most_at_once()
    );

    server.set(Behaviour::Pass(good));
    end(&server).await;
    wait_for_fresh(&source, &fake).await;
    assert!(has(&source.state(), "weight: 42|"), "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_the_server_the_last_state_stays_and_is_fresh_soon_after() {
    let status = r#"{"kind":"Status","status":"Failure","code":500,"message":"etcd is away"}"#;
    let refusal = |code: u16| {
        Behaviour::Fail(
            code,
            format!(r#"{{"kind":"Status","code":{code},"message":"no"}}"#),
        )
    };
    let troubles = [
        ("black hole", Behaviour::BlackHole),
        ("slow by bytes", Behaviour::Drip(Arc::new(|_| "{".repeat(10_000)))),
        ("html", answer("<html>Sign in</html>")),
        (
            "truncated",
            Behaviour::Truncate(Arc::new(|_| {
                r#"{"metadata":{"resourceVersion":"1"},"items":[]}"#.to_owned()
            })),
        ),
        ("another json", answer(r#"{"services":[]}"#)),
        ("error in 200", answer(status)),
        (
            "huge",
            Behaviour::Stream(Arc::new(|_| Some("x".repeat(64 << 10)))),
        ),
        ("401", refusal(401)),
        ("403", refusal(403)),
        ("422", refusal(422)),
        ("429", refusal(429)),
        ("503", refusal(503)),
    ];
    let checks = troubles.map(|(name, trouble)| async move {
        check(name, async |server| server.set(trouble), async |_| ()).await;
    });
    join_all(checks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_port_is_told_and_an_open_one_is_found_again() {
    check(
        "refused",
        async |server| server.close(),
        async |server| server.open().await,
    )
    .await;
}
