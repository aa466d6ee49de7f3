//! The console while its Prometheus is in trouble: it answers within a second with what it had, says how old that is
//! and who is to blame, and is fresh within a refresh when the trouble is over.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is how a test fails")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;
use vigla_model::Scope;
use vigla_server::{caller::ConsoleScope, console, settings::Settings};
use vigla_sources::{
    fakes::{Behaviour, FakeServer},
    outbound::MAX_IN_FLIGHT,
};

/// What the console may take for an answer.
const SOON: Duration = Duration::from_secs(1);
/// A refresh of these tests is 1 s, and a source that failed is left alone for at most 4 s.
const ONE_REFRESH: Duration = Duration::from_secs(6);

const LABELS: &str = r#""destination_service":"reviews.bookinfo.svc.cluster.local","destination_workload":"reviews-v1","destination_workload_namespace":"bookinfo","reporter":"destination","request_protocol":"http","response_code":"200","source_workload":"productpage-v1","source_workload_namespace":"bookinfo""#;

fn well(rate: f64) -> Behaviour {
    Behaviour::Answer(Arc::new(move |request| answer(request, rate)))
}

fn answer(request: &str, rate: f64) -> String {
    let series = match request {
        _ if request.contains("buildinfo") => {
            return r#"{"status":"success","data":{"version":"3.5.3"}}"#.to_owned();
        }
        _ if request.contains("istio_requests_total") => {
            format!(r#"{{"metric":{{{LABELS}}},"value":[1,"{rate}"]}}"#)
        }
        _ => String::new(),
    };
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#)
}

struct Console {
    router: Router,
    _shutdown: DropGuard,
}

impl Console {
    async fn over(server: &FakeServer, base_path: &str) -> Self {
        let text = format!(
            "server: {{base_path: {base_path}}}\nmetrics:\n  prometheus:\n    url: {}\n    refresh: 1s\n    deadline: 1s\n",
            server.url()
        );
        let settings = Settings::parse("vigla.yaml", &text, Path::new("/")).unwrap();
        let shutdown = CancellationToken::new();
        let router = console::serve(settings, ConsoleScope(Scope::All), shutdown.clone())
            .await
            .unwrap();
        Self {
            router,
            _shutdown: shutdown.drop_guard(),
        }
    }

    /// Status and body of an answer, which comes within a second.
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).header(header::HOST, "localhost");
        let started = Instant::now();
        let answer = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        assert!(started.elapsed() <= SOON, "{path} took {:?}", started.elapsed());
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path).await.1).unwrap()
    }

    async fn until(&self, path: &str, what: &str, so: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let body = self.json(path).await;
            if so(&body) {
                return body;
            }
            assert!(started.elapsed() < ONE_REFRESH, "{what}: {body:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn rate_is(rate: f64) -> impl Fn(&Value) -> bool {
    move |graph| {
        graph["edges"][0]["requests_per_second"] == rate && graph["degraded"] == serde_json::json!([])
    }
}

async fn check(
    name: &str,
    server: &FakeServer,
    trouble: impl AsyncFnOnce(&FakeServer),
    over: impl AsyncFnOnce(&FakeServer),
) {
    let console = Console::over(server, "/").await;
    let (minute, five) = ("/api/v1/graph", "/api/v1/graph?window=5m");
    console.until(minute, name, rate_is(2.0)).await;
    console.until(five, name, rate_is(2.0)).await;

    trouble(server).await;
    for path in [minute, five] {
        let graph = console
            .until(path, name, |graph| graph["degraded"][0]["source"] == "Prometheus")
            .await;
        assert_eq!(
            graph["edges"][0]["requests_per_second"], 2.0,
            "{name}: what was there stays"
        );
        assert!(graph["degraded"][0]["since"].is_string(), "{name}");
        assert_eq!(
            graph["degraded"][0]["since"], graph["at"],
            "{name}: blind since the last good answer"
        );
    }
    let status = console
        .until("/api/v1/status", name, |status| {
            status["sources"][0]["state"] == "failing"
        })
        .await;
    let source = &status["sources"][0];
    assert!(
        source["last_error"]
            .as_str()
            .unwrap()
            .starts_with("Prometheus does not answer"),
        "{name}: {source}"
    );
    assert!(
        source["age_seconds"].is_number() && source["failing_since"].is_string(),
        "{name}: {source}"
    );

    over(server).await;
    console.until(minute, name, rate_is(3.0)).await;
    console.until(five, name, rate_is(3.0)).await;
    let status = console.json("/api/v1/status").await;
    assert_eq!(status["sources"][0]["state"], "ok", "{name}");
    assert_eq!(status["sources"][0]["version"], "Prometheus 3.5.3", "{name}");
    assert!(
        server.most_at_once() <= MAX_IN_FLIGHT,
        "{name}: {}",
        server.most_at_once()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_prometheus_the_console_answers_with_what_it_had() {
    let html = Behaviour::Answer(Arc::new(|_| "<html>Sign in</html>".to_owned()));
    let troubles = [
        ("black hole", Behaviour::BlackHole),
        (
            "slow by bytes",
            Behaviour::Drip(Arc::new(|request| answer(request, 9.0))),
        ),
        ("html", html),
        (
            "truncated",
            Behaviour::Truncate(Arc::new(|request| answer(request, 9.0))),
        ),
        ("503", Behaviour::Fail(503, String::new())),
        ("401", Behaviour::Fail(401, String::new())),
    ];
    let checks = troubles.map(|(name, trouble)| async move {
        let server = FakeServer::start(well(2.0)).await;
        check(
            name,
            &server,
            async |server| server.set(trouble),
            async |server| server.set(well(3.0)),
        )
        .await;
    });
    futures_util::future::join_all(checks).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prometheus_that_is_gone_is_found_again() {
    let server = FakeServer::start(well(2.0)).await;
    let over = async |server: &FakeServer| {
        server.set(well(3.0));
        server.open().await;
    };
    check("refused", &server, async |server| server.close(), over).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_a_path_the_api_answers_with_and_without_it() {
    let server = FakeServer::start(well(2.0)).await;
    let console = Console::over(&server, "/tools/vigla").await;
    console
        .until("/tools/vigla/api/v1/graph", "below its path", rate_is(2.0))
        .await;
    console
        .until("/api/v1/graph", "with the path taken away", rate_is(2.0))
        .await;
    assert_eq!(console.get("/healthz").await.0, StatusCode::OK);
    assert_eq!(console.get("/tools/vigla/healthz").await.0, StatusCode::OK);
    // With or without the browser part in this build, never the API's 404.
    for page in ["/tools/vigla", "/tools/vigla/", "/tools/vigla/map"] {
        assert_ne!(console.get(page).await.0, StatusCode::NOT_FOUND, "{page}");
    }
}
