//! The console while its Prometheus is in trouble: it answers within a second with what it had, says how old that is
//! and who is to blame, and is fresh within a refresh when the trouble is over.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is how a test fails")]

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
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
        Self::with(
            server,
            &format!("server: {{base_path: {base_path}}}\n"),
            Path::new("/"),
        )
        .await
    }

    /// Over this Prometheus, and what else the settings name.
    async fn with(server: &FakeServer, more: &str, folder: &Path) -> Self {
        let text = format!(
            "{more}metrics:\n  prometheus:\n    url: {}\n    refresh: 1s\n    deadline: 1s\n",
            server.url()
        );
        let settings = Settings::parse("vigla.yaml", &text, folder).unwrap();
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

/// All kinds of trouble of a source whose good answers are these.
fn troubles(good: fn(&str) -> String) -> Vec<(&'static str, Behaviour)> {
    let answer = |text: &'static str| Behaviour::Answer(Arc::new(move |_| text.to_owned()));
    let fail = |code: u16| Behaviour::Fail(code, String::new());
    vec![
        ("black hole", Behaviour::BlackHole),
        ("slow by bytes", Behaviour::Drip(Arc::new(good))),
        ("html", answer("<html>Sign in</html>")),
        ("truncated", Behaviour::Truncate(Arc::new(good))),
        (
            "error in 200",
            answer(r#"{"status":"error","errorType":"x","error":"no"}"#),
        ),
        // A few MB a read: it ends by our bounds or by the deadline, whichever this machine meets first.
        ("huge", Behaviour::Stream(Arc::new(|_| Some(" ".repeat(1 << 20))))),
        ("401", fail(401)),
        ("403", fail(403)),
        ("422", fail(422)),
        ("429", fail(429)),
        ("503", fail(503)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_prometheus_the_console_answers_with_what_it_had() {
    let checks = troubles(|request| answer(request, 9.0))
        .into_iter()
        .map(|(name, trouble)| async move {
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

/// One trace of some seconds ago, and the names in it, as Jaeger's API v3 tells them.
fn traces(request: &str) -> String {
    if request.contains("/services") {
        return r#"{"services":["web.shop"]}"#.to_owned();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let spans = format!(
        r#"{{"traceId":"{TRACE}","spanId":"00000000000000a1","name":"GET /","startTimeUnixNano":"{0}000000000","endTimeUnixNano":"{0}000001000"}}"#,
        now - 10
    );
    let resource = r#"{"attributes":[{"key":"service.name","value":{"stringValue":"web.shop"}}]}"#;
    format!(
        r#"{{"result":{{"resourceSpans":[{{"resource":{resource},"scopeSpans":[{{"spans":[{spans}]}}]}}]}}}}"#
    )
}

const TRACE: &str = "a0000000000000000000000000000001";

fn is_fresh(path: &str) -> impl Fn(&Value) -> bool {
    let list = path.contains('?');
    move |body| {
        let shown = if list {
            body["items"][0]["id"] == TRACE
        } else {
            body.get("code").is_none()
        };
        shown
            && body
                .get("degraded")
                .is_none_or(|degraded| *degraded == serde_json::json!([]))
    }
}

async fn check_traces(
    name: &str,
    trouble: impl AsyncFnOnce(&FakeServer),
    over: impl AsyncFnOnce(&FakeServer),
) {
    let (prometheus, jaeger) = (
        FakeServer::start(well(2.0)).await,
        FakeServer::start(Behaviour::Answer(Arc::new(traces))).await,
    );
    let more = format!(
        "traces: {{jaeger: {{url: \"{}\", deadline: 1s}}}}\n",
        jaeger.url()
    );
    let console = Console::with(&prometheus, &more, Path::new("/")).await;
    let one = format!("/api/v1/traces/{TRACE}");
    let paths = [
        "/api/v1/traces?window=1h",
        "/api/v1/traces/services",
        one.as_str(),
    ];
    for path in paths {
        console.until(path, name, is_fresh(path)).await;
    }

    trouble(&jaeger).await;
    for path in paths {
        let body = console
            .until(path, name, |body| body["degraded"][0]["source"] == "Jaeger")
            .await;
        let part = &body["degraded"][0];
        assert!(
            part["since"].is_string() && part["reason"].is_string(),
            "{name}: {part}"
        );
        assert!(
            body["items"][0]["id"] == TRACE || body["items"][0] == "web.shop" || body["id"] == TRACE,
            "{name}: what was there stays: {body:#}"
        );
    }
    let other = console.json("/api/v1/traces?window=2h").await;
    assert!(
        other["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("Jaeger")),
        "{name}: what was never asked is not known, and not empty: {other:#}"
    );
    let of_traces = |status: &Value| {
        let sources = status["sources"].as_array().unwrap().clone();
        sources
            .into_iter()
            .find(|source| source["kind"] == "traces")
            .unwrap()
    };
    let status = console
        .until("/api/v1/status", name, |status| {
            of_traces(status)["state"] == "failing"
        })
        .await;
    let source = of_traces(&status);
    assert!(
        source["name"] == "Jaeger" && source["last_error"].is_string() && source["failing_since"].is_string(),
        "{name}: {source}"
    );
    assert!(source["age_seconds"].is_number(), "{name}: {source}");

    over(&jaeger).await;
    for path in paths {
        console.until(path, name, is_fresh(path)).await;
    }
    let status = console.json("/api/v1/status").await;
    assert_eq!(of_traces(&status)["state"], "ok", "{name}");
    assert!(
        jaeger.most_at_once() <= MAX_IN_FLIGHT,
        "{name}: {}",
        jaeger.most_at_once()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_jaeger_the_console_answers_with_what_it_had() {
    let mut troubles = troubles(traces).into_iter();
    // A few side by side: what is measured is the console, not a machine with much to do.
    loop {
        let some: Vec<_> = troubles.by_ref().take(3).collect();
        if some.is_empty() {
            return;
        }
        let checks = some.into_iter().map(|(name, trouble)| async move {
            let well = Behaviour::Answer(Arc::new(traces));
            check_traces(
                name,
                async |jaeger| jaeger.set(trouble),
                async |jaeger| jaeger.set(well),
            )
            .await;
        });
        futures_util::future::join_all(checks).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jaeger_that_is_gone_is_found_again() {
    check_traces(
        "refused",
        async |jaeger| jaeger.close(),
        async |jaeger| jaeger.open().await,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_answer_of_prometheus_lists_come_from_config_and_traffic_is_unknown() {
    let server = FakeServer::start(Behaviour::Fail(503, String::new())).await;
    let folder = tempfile::tempdir().unwrap();
    let service = |name: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{ports: [{{port: 80}}]}}\n"
        );
        fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
    };
    service("cart");
    let console = Console::with(&server, "config: {folder: .}\n", folder.path()).await;
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let list = console
        .until("/api/v1/services", "the service", |list| names(list) == ["cart"])
        .await;
    assert_eq!(list["items"][0]["health"]["state"], "unknown");
    assert_eq!(list["degraded"][0]["source"], "Prometheus");
    // Config goes on while traffic is not known.
    service("late");
    console
        .until("/api/v1/services", "the new service", |list| {
            names(list) == ["cart", "late"]
        })
        .await;
    let one = console.json("/api/v1/namespaces/shop/services/late").await;
    assert_eq!(one["degraded"][0]["source"], "Prometheus", "{one:#}");
    let namespaces = console.json("/api/v1/namespaces").await;
    assert_eq!(
        (names(&namespaces), &namespaces["items"][0]["services"]),
        (vec!["shop".to_owned()], &2.into())
    );
    // The map has nothing to show, and says whose fault that is.
    let (status, graph) = console.get("/api/v1/graph").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(graph.contains("Prometheus does not answer"), "{graph}");
    assert_eq!(console.get("/readyz").await.0, StatusCode::OK);

    server.set(well(2.0));
    let fresh = |list: &Value| list["degraded"] == serde_json::json!([]) && names(list) == ["cart", "late"];
    let list = console.until("/api/v1/services", "traffic", fresh).await;
    assert_eq!(list["items"][0]["health"]["state"], "no_traffic");
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
