//! The router over a prepared source: answers, errors, streams, and what must not come in.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is how a test fails")]

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header, request::Builder},
    response::Response,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use vigla_config::Snapshot;
use vigla_graph::{Totals, Traffic, TrafficKey, TrafficRow, TrafficWindow};
use vigla_model::{
    Fqdn, Histogram, Namespace, PeerIdentity, Protocol, Reporter, ResponseFlags, Scope, SecurityPolicy,
    Timestamp,
};
use vigla_server::{
    build,
    caller::ConsoleScope,
    changes::Changes,
    cut::now,
    live::Live,
    router::router,
    settings,
    sources::SourceBoard,
    state::{About, AppState},
    topics::Topics,
    traces::TraceDesk,
};
use vigla_sources::{
    SourceError,
    fakes::FixedMetrics,
    traces::{Limits, contract, otlp},
};
use vigla_store::traces::{TraceSettings, TraceStore};
use vigla_testing::Mesh;

struct Console {
    router: Router,
    live: Live,
    metrics: Arc<FixedMetrics>,
    _snapshots: watch::Sender<Arc<Snapshot>>,
}

impl Console {
    async fn start(scope: Scope) -> Self {
        Self::with(scope, TraceStore::new(TraceSettings::default())).await
    }

    /// With the prepared traces of the sources' own tests.
    async fn with_traces(scope: Scope) -> Self {
        let traces = TraceStore::new(TraceSettings::default());
        traces.take(now(), otlp::decode(contract::batches(), &Limits::default()));
        Self::with(scope, traces).await
    }

    async fn with(scope: Scope, traces: TraceStore) -> Self {
        let metrics = Arc::new(FixedMetrics::new(Ok(traffic(10.0, 1000))));
        let (snapshots, seen) = watch::channel(Arc::new(Mesh::bookinfo().snapshot()));
        let builder = build::Builder::new(Arc::new(|_, _| None), Arc::new(Vec::new));
        let live = Live::new(builder, metrics.clone(), seen, "e".into());
        live.refresh().await.unwrap();
        let state = AppState {
            about: Arc::new(About {
                mode: "demo",
                mesh: "test".into(),
                started: now(),
                base_path: settings::BasePath::default(),
            }),
            scope: ConsoleScope(scope),
            topics: Topics::new(live.clone(), CancellationToken::new()),
            live: live.clone(),
            changes: Changes::default(),
            board: SourceBoard::default(),
            config: None,
            traces: Some(TraceDesk::new(Arc::new(traces), SourceBoard::default())),
            demo: None,
        };
        Self {
            router: router(state),
            live,
            metrics,
            _snapshots: snapshots,
        }
    }

    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = self.send(asking("GET", path).body(Body::empty()).unwrap()).await;
        let status = response.status();
        (status, body(response).await)
    }
}

fn asking(method: &str, path: &str) -> Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost:20001")
}

async fn body(response: Response) -> Value {
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

/// productpage calls reviews in bookinfo, both reporters.
fn traffic(rate: f64, at: i64) -> TrafficWindow {
    let peer = |workload: &str| PeerIdentity {
        namespace: Some("bookinfo".into()),
        workload: Some(workload.into()),
        ..PeerIdentity::default()
    };
    let row = |reporter, security| TrafficRow {
        key: Arc::new(TrafficKey {
            reporter,
            source: peer("productpage-v1"),
            destination: peer("reviews-v1"),
            service: Some(Fqdn::of_service("reviews", "bookinfo", "cluster.local")),
            protocol: Protocol::Http,
            response_code: Some(200),
            grpc_status: None,
            flags: ResponseFlags::NONE,
            security,
            source_address: None,
            refused: false,
        }),
        traffic: Traffic {
            requests: rate,
            latency: Histogram {
                buckets: vec![(5.0, rate)],
                sum_ms: rate * 3.0,
            },
            ..Traffic::default()
        },
        totals: Totals {
            requests: rate * 60.0,
            connections: 0.0,
        },
    };
    TrafficWindow {
        at: Timestamp(at),
        window: Duration::from_secs(60),
        rows: vec![
            row(Reporter::Source, SecurityPolicy::Unknown),
            row(Reporter::Destination, SecurityPolicy::MutualTls),
        ],
    }
}

#[tokio::test]
async fn the_graph_shows_the_destinations_count_with_both_reporters_apart() {
    let console = Console::start(Scope::All).await;
    let (status, graph) = console
        .get("/api/v1/graph?namespaces=bookinfo&view=workload&include=counters")
        .await;
    assert_eq!(status, StatusCode::OK);
    let edge = &graph["edges"][0];
    assert_eq!(edge["requests"], 600);
    assert_eq!(edge["mtls_share"], 1.0);
    assert_eq!(edge["by_reporter"]["source"]["counters"]["requests"], 600);
    assert_eq!(edge["service"], "reviews.bookinfo.svc.cluster.local");
    assert_eq!(graph["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(graph["window_seconds"], 60.0);
}

#[tokio::test]
async fn what_cannot_be_used_is_named() {
    let console = Console::start(Scope::All).await;
    for (path, status, code, word) in [
        ("/api/v1/graph?veiw=app", 400, "bad-parameter", "veiw"),
        ("/api/v1/graph?view=pods", 400, "bad-parameter", "pods"),
        ("/api/v1/graph?window=5", 400, "bad-parameter", "5"),
        (
            "/api/v1/graph?namespaces=..%2Fetc",
            400,
            "bad-parameter",
            "../etc",
        ),
        (
            "/api/v1/graph/stream?at=2026-11-23T14:32:00Z",
            400,
            "bad-parameter",
            "at",
        ),
        (
            "/api/v1/namespaces/bookinfo/workloads/nothing",
            404,
            "not-found",
            "nothing",
        ),
        (
            "/api/v1/namespaces/bookinfo/workloads/..%2F..%2Fetc%2Fpasswd/logs",
            404,
            "not-found",
            "etc/passwd",
        ),
        ("/api/v1/nothing", 404, "not-found", "nothing"),
        ("/api/v1/scenarios", 404, "not-found", "demo"),
        ("/assets/missing.js", 404, "not-found", "missing.js"),
    ] {
        let (got, problem) = console.get(path).await;
        assert_eq!(
            (got.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{path}: {problem}"
        );
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{path}: {problem}"
        );
    }
}

#[tokio::test]
async fn a_scope_hides_what_lies_outside_of_it() {
    let console = Console::start(Scope::Namespaces([Namespace::new("shop")].into())).await;
    let (_, graph) = console.get("/api/v1/graph").await;
    assert_eq!(graph["edges"], json!([]));
    let (status, problem) = console.get("/api/v1/graph?namespaces=bookinfo").await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::FORBIDDEN, &json!("forbidden"))
    );
    for list in ["services", "workloads", "apps", "namespaces", "config", "changes"] {
        let (_, page) = console.get(&format!("/api/v1/{list}")).await;
        assert!(!page.to_string().contains("reviews"), "{list}: {page}");
    }
}

#[tokio::test]
async fn lists_know_idle_workloads_and_details_know_their_rules() {
    let console = Console::start(Scope::All).await;
    let (_, page) = console.get("/api/v1/workloads?namespaces=bookinfo").await;
    let rows = page["items"].as_array().unwrap();
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap();
    assert_eq!(row("reviews-v1")["in"]["requests"], 600);
    assert_eq!(row("ratings-v1")["health"]["state"], "no_traffic");
    let (_, first) = console.get("/api/v1/workloads?limit=2").await;
    let (_, second) = console
        .get(&format!(
            "/api/v1/workloads?limit=2&cursor={}",
            first["next"].as_str().unwrap()
        ))
        .await;
    assert_ne!(first["items"], second["items"]);
    let (_, detail) = console.get("/api/v1/namespaces/bookinfo/services/reviews").await;
    assert_eq!(detail["host"], "reviews.bookinfo.svc.cluster.local");
    assert!(
        detail["config"]
            .as_array()
            .unwrap()
            .iter()
            .any(|item| item["object"]["kind"] == "Service")
    );
}

#[tokio::test]
async fn an_answer_is_not_sent_twice() {
    let console = Console::start(Scope::All).await;
    let first = console
        .send(asking("GET", "/api/v1/graph").body(Body::empty()).unwrap())
        .await;
    let tag = first.headers()[header::ETAG].clone();
    let again = asking("GET", "/api/v1/graph").header(header::IF_NONE_MATCH, tag);
    let again = console.send(again.body(Body::empty()).unwrap()).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn what_must_not_come_in_is_refused() {
    let console = Console::start(Scope::All).await;
    let post = || asking("POST", "/api/v1/scenarios/broken-subset");
    let cases = [
        (
            Request::builder()
                .uri("/api/v1/status")
                .header(header::HOST, "evil.example"),
            "",
            421,
        ),
        (post().header(header::ORIGIN, "http://evil.example"), "", 403),
        (post().header("sec-fetch-site", "cross-site"), "", 403),
        (post().header(header::CONTENT_TYPE, "text/plain"), "{}", 415),
        (post().header(header::CONTENT_TYPE, "application/json"), "{}", 404),
        (asking("DELETE", "/api/v1/graph"), "", 405),
    ];
    for (request, text, status) in cases {
        let response = console.send(request.body(Body::from(text)).unwrap()).await;
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
    }
    let large = post()
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(vec![b' '; 1 << 20]))
        .unwrap();
    assert_eq!(console.send(large).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let long = format!("/api/v1/graph?namespaces={}", "a".repeat(10_000));
    assert_eq!(console.get(&long).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_source_that_fails_leaves_the_last_graph_and_says_so() {
    let console = Console::start(Scope::All).await;
    let error = SourceError::Unavailable {
        source_name: "prepared metrics".into(),
        reason: "stopped".into(),
    };
    console.metrics.set(Err(error));
    console.live.refresh().await.unwrap_err();
    let (status, graph) = console.get("/api/v1/graph").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(graph["edges"].as_array().unwrap().len(), 1);
    assert_eq!(graph["degraded"][0]["source"], "prepared metrics");
}

/// Reads events until there are `count`, as (name, id, data).
async fn events(response: Response, count: usize) -> Vec<(String, String, Value)> {
    let mut body = response.into_body().into_data_stream();
    let (mut text, mut events) = (String::new(), Vec::new());
    while events.len() < count {
        let chunk = tokio::time::timeout(Duration::from_secs(5), body.next())
            .await
            .expect("an event in time");
        text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
        while let Some((event, rest)) = text.clone().split_once("\n\n") {
            text = rest.to_owned();
            let field = |name: &str| {
                let line = event
                    .lines()
                    .find_map(|line| line.strip_prefix(&format!("{name}: ")));
                line.unwrap_or_default().to_owned()
            };
            events.push((
                field("event"),
                field("id"),
                serde_json::from_str(&field("data")).unwrap_or(Value::Null),
            ));
        }
    }
    events
}

#[tokio::test]
async fn a_stream_begins_with_a_snapshot_goes_on_with_deltas_and_resumes() {
    let console = Console::start(Scope::All).await;
    let open = |last: Option<&str>| {
        let request = asking("GET", "/api/v1/graph/stream");
        last.into_iter()
            .fold(request, |request, id| request.header("last-event-id", id))
            .body(Body::empty())
            .unwrap()
    };
    let stream = console.send(open(None)).await;
    let live = console.live.clone();
    let metrics = console.metrics.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        metrics.set(Ok(traffic(20.0, 3000)));
        live.refresh().await.unwrap();
    });
    let seen = events(stream, 2).await;
    assert_eq!((seen[0].0.as_str(), seen[1].0.as_str()), ("snapshot", "delta"));
    assert_eq!(seen[1].2["previous"], json!(seen[0].1));
    assert_eq!(seen[1].2["edges"]["set"][0]["requests"], 1200);
    // One who has the first revision gets the delta; one with a foreign revision a gap and then everything.
    let resumed = events(console.send(open(Some(&seen[0].1))).await, 1).await;
    assert_eq!((resumed[0].0.as_str(), &resumed[0].2), ("delta", &seen[1].2));
    let lost = events(console.send(open(Some("x:1"))).await, 2).await;
    assert_eq!((lost[0].0.as_str(), lost[1].0.as_str()), ("gap", "snapshot"));
}

#[tokio::test]
async fn the_description_of_the_api_changes_only_on_purpose() {
    let console = Console::start(Scope::All).await;
    let (_, api) = console.get("/api/v1/openapi.json").await;
    assert_eq!(api["openapi"], "3.1.0");
    let paths = api["paths"].as_object().unwrap();
    let mut lines = Vec::new();
    for (path, methods) in paths {
        for (method, what) in methods.as_object().unwrap() {
            let names = what["parameters"].as_array().map(|list| {
                list.iter()
                    .map(|p| p["name"].as_str().unwrap())
                    .collect::<Vec<_>>()
            });
            lines.push(format!("{method} {path} {}", names.unwrap_or_default().join(",")));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

/// The time of the prepared traces, as a query.
const PREPARED: &str = "from=2026-11-18T11:06:40Z&to=2026-11-18T11:07:40Z";

#[tokio::test]
async fn traces_are_found_page_by_page() {
    let console = Console::with_traces(Scope::All).await;
    let failed = format!("/api/v1/traces?{PREPARED}&service=ratings.bookinfo&error=true");
    let (status, found) = console.get(&failed).await;
    assert_eq!(status, StatusCode::OK);
    let ids: Vec<_> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["id"])
        .collect();
    assert_eq!(
        ids,
        [
            "a0000000000000000000000000000006",
            "a0000000000000000000000000000003"
        ]
    );
    let item = &found["items"][0];
    assert_eq!(
        (&item["name"], &item["service"]),
        (&json!("GET /productpage"), &json!("productpage.bookinfo"))
    );
    assert_eq!(
        (&item["spans"], &item["errors"], &item["flags"]),
        (&json!(3), &json!(1), &json!(["UT"]))
    );
    assert_eq!(
        (&item["status_code"], &item["workload"]),
        (&json!(200), &json!("productpage-v1"))
    );
    assert_eq!(found["next"], Value::Null);
    let (_, first) = console.get(&format!("/api/v1/traces?{PREPARED}&limit=5")).await;
    let cursor = first["next"].as_str().unwrap();
    let (_, second) = console
        .get(&format!("/api/v1/traces?{PREPARED}&limit=5&cursor={cursor}"))
        .await;
    let count = |page: &Value| page["items"].as_array().unwrap().len();
    assert_eq!(
        (count(&first), count(&second), &second["next"]),
        (5, 4, &Value::Null)
    );
    let tagged = format!("/api/v1/traces?{PREPARED}&tags=%7B%22guid:x-request-id%22:%22request-5%22%7D");
    let (_, found) = console.get(&tagged).await;
    assert_eq!(count(&found), 1);
}

#[tokio::test]
async fn one_trace_comes_with_its_spans_and_an_etag() {
    let console = Console::with_traces(Scope::All).await;
    let path = "/api/v1/traces/a0000000000000000000000000000003";
    let (status, trace) = console.get(path).await;
    assert_eq!((status, &trace["spans"]), (StatusCode::OK, &json!(3)));
    let rate = &trace["all"][2];
    assert_eq!(
        (&rate["parent"], &rate["kind"]),
        (&json!("0000000000000002"), &json!("server"))
    );
    assert_eq!(
        (&rate["offset_ms"], &rate["duration_ms"]),
        (&json!(20.0), &json!(900.0))
    );
    assert_eq!(
        (&rate["error"], &rate["message"]),
        (&json!(true), &json!("no stars"))
    );
    assert_eq!(rate["tags"]["http.status_code"], 500);
    assert_eq!(trace["all"][0]["events"][0]["name"], "rendered");
    let response = console
        .send(asking("GET", path).body(Body::empty()).unwrap())
        .await;
    let tag = response.headers()[header::ETAG].clone();
    let again = asking("GET", path).header(header::IF_NONE_MATCH, tag);
    let response = console.send(again.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    for (path, status, code) in [
        (
            "/api/v1/traces/a0000000000000000000000000000077",
            404,
            "not-found",
        ),
        ("/api/v1/traces/nonsense", 400, "bad-parameter"),
        ("/api/v1/traces?min=fast", 400, "bad-parameter"),
        ("/api/v1/traces?sort=harm", 400, "bad-parameter"),
        ("/api/v1/traces/services?x=1", 400, "bad-parameter"),
    ] {
        let (is, problem) = console.get(path).await;
        assert_eq!((is.as_u16(), &problem["code"]), (status, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn spans_of_other_namespaces_are_withheld_and_counted() {
    let console = Console::with_traces(Scope::Namespaces([Namespace::new("shop")].into())).await;
    let (_, names) = console.get("/api/v1/traces/services").await;
    assert_eq!(names["items"], json!(["checkout.shop"]));
    let (_, found) = console.get(&format!("/api/v1/traces?{PREPARED}")).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&found["items"][0]["spans"], &found["items"][0]["withheld"]),
        (&json!(1), &json!(1))
    );
    let (status, part) = console
        .get("/api/v1/traces/a0000000000000000000000000000009")
        .await;
    assert_eq!(
        (status, &part["withheld"], &part["all"][0]["service"]),
        (StatusCode::OK, &json!(1), &json!("checkout.shop"))
    );
    let text = part.to_string() + &found.to_string();
    for hidden in ["fraud", "payments", "charge", "bookinfo"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    let (status, _) = console
        .get("/api/v1/traces/a0000000000000000000000000000003")
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = console.get("/api/v1/traces?namespaces=bookinfo").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (_, hidden) = console
        .get("/api/v1/traces/operations?service=fraud.payments")
        .await;
    assert_eq!(hidden["items"], json!([]));
}

#[tokio::test]
async fn what_is_looked_for_is_found_and_what_is_hidden_is_gone() {
    let console = Console::start(Scope::All).await;
    let (_, graph) = console.get("/api/v1/graph?find=name%20%3D%20reviews-v1").await;
    assert_eq!(graph["found"]["nodes"].as_array().unwrap().len(), 1, "{graph}");
    assert_eq!(graph["found"]["edges"], json!([]));
    let (_, graph) = console.get("/api/v1/graph?hide=name%20%3D%20reviews-v1").await;
    assert_eq!((&graph["nodes"], &graph["edges"]), (&json!([]), &json!([])));
    let (status, problem) = console.get("/api/v1/graph?hide=nmae%20%3D%20x").await;
    assert_eq!(status, 400);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("did you mean `name`"),
        "{problem}"
    );
}

#[tokio::test]
async fn the_map_goes_out_in_the_languages_of_others() {
    let console = Console::start(Scope::All).await;
    for (format, kind, word) in [
        (
            "csv",
            "text/csv",
            "bookinfo,productpage-v1,bookinfo,reviews-v1,http,",
        ),
        ("dot", "text/vnd.graphviz", "digraph"),
        ("mermaid", "text/vnd.mermaid", "flowchart LR"),
        ("svg", "image/svg+xml", "productpage-v1"),
        ("json", "application/json", "\"revision\""),
    ] {
        let path = format!("/api/v1/graph/export?format={format}");
        let answer = console
            .send(asking("GET", &path).body(Body::empty()).unwrap())
            .await;
        assert_eq!(answer.status(), 200, "{format}");
        assert!(
            answer.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with(kind)
        );
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains(word), "{format}: {body}");
    }
    let (status, _) = console.get("/api/v1/graph/export?format=png").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn config_is_judged_before_it_is_written() {
    let console = Console::start(Scope::All).await;
    let yaml = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: reviews, namespace: bookinfo}\n\
                spec:\n  http:\n  - route:\n    - destination: {host: reviews}\n";
    let send = async |path: &str, kind: &str| {
        let request = asking("POST", path).header(header::CONTENT_TYPE, kind);
        let response = console.send(request.body(Body::from(yaml)).unwrap()).await;
        let status = response.status();
        (status, body(response).await)
    };
    let (status, found) = send("/api/v1/validate?against=none", "application/yaml").await;
    assert_eq!(status, StatusCode::OK);
    let codes: Vec<&str> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["VG1711", "VG1001"]);
    assert_eq!(found["findings"][0]["place"]["line"], 4);
    assert_eq!((&found["objects"], &found["files"]), (&json!(1), &json!(1)));
    // In the mesh that is there, the host is known.
    let (_, found) = send("/api/v1/validate", "text/yaml; charset=utf-8").await;
    assert_eq!(found["findings"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(
        send("/api/v1/validate?against=x", "application/yaml").await.0,
        StatusCode::BAD_REQUEST
    );
    let (status, _) = send("/api/v1/validate", "text/plain").await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (status, _) = send("/api/v1/scenarios/x", "application/yaml").await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn findings_of_the_config_in_effect_are_listed_and_chosen_by_code() {
    let console = Console::start(Scope::All).await;
    let (status, found) = console.get("/api/v1/findings").await;
    assert_eq!(status, StatusCode::OK);
    assert!(found["objects"].as_u64().unwrap() > 0);
    let (_, none) = console.get("/api/v1/findings?only=VG0001").await;
    assert_eq!(none["findings"], json!([]));
    let (status, _) = console.get("/api/v1/findings?only=XX").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = console.get("/api/v1/findings?severity=bad").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
