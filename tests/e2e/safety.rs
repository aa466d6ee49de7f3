//! What SECURITY.md promises, asked of the running console from outside.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use reqwest::StatusCode;
use vigla_tests::{Demo, Options, complete_graph, processes_that_mention};

const SCENARIO: &str = "/api/v1/scenarios/broken-subset";

#[tokio::test]
async fn only_names_of_this_machine_are_answered() {
    let Some(demo) = Demo::with(&[]).await else { return };
    for (host, status) in [
        ("localhost", StatusCode::OK),
        ("127.0.0.1", StatusCode::OK),
        ("[::1]", StatusCode::OK),
        ("console.example", StatusCode::MISDIRECTED_REQUEST),
        ("127.0.0.1.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let answer = demo
            .client
            .get(format!("{}/api/v1/status", demo.address()))
            .header("host", host)
            .send()
            .await;
        assert_eq!(answer.expect("it answers").status(), status, "{host}");
    }
}

#[tokio::test]
async fn other_sites_cannot_write() {
    let Some(demo) = Demo::with(&[]).await else { return };
    let post = |headers: &'static [(&'static str, &'static str)]| {
        let mut request = demo.client.post(format!("{}{SCENARIO}", demo.address()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        async { request.send().await.expect("it answers").status() }
    };
    assert_eq!(
        post(&[("origin", "http://site.example")]).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(post(&[("origin", "null")]).await, StatusCode::FORBIDDEN);
    assert_eq!(
        post(&[("sec-fetch-site", "cross-site")]).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        post(&[("sec-fetch-site", "same-site")]).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(post(&[("sec-fetch-site", "same-origin")]).await, StatusCode::OK);
    assert_eq!(post(&[]).await, StatusCode::OK, "curl sends neither header");
}

#[tokio::test]
async fn bodies_are_json_small_and_well_formed() {
    let Some(demo) = Demo::with(&[]).await else { return };
    let post = |kind: &'static str, body: Vec<u8>| {
        let request = demo
            .client
            .post(format!("{}{SCENARIO}", demo.address()))
            .header("content-type", kind);
        async { request.body(body).send().await.expect("it answers").status() }
    };
    assert_eq!(
        post("text/plain", b"{}".to_vec()).await,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        post(form, b"step=1".to_vec()).await,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(
        post("application/json", b"{".to_vec()).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        post("application/json", vec![b' '; 32 << 20]).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(post("application/json", b"{}".to_vec()).await, StatusCode::OK);
}

#[tokio::test]
async fn what_is_asked_is_checked_before_it_is_used() {
    let Some(demo) = Demo::with(&[]).await else { return };
    complete_graph(&demo).await;
    let long = format!("/api/v1/graph?namespaces={}", "a,".repeat(8_000));
    for (path, wanted) in [
        ("/api/v1/graph?view=sideways", StatusCode::BAD_REQUEST),
        ("/api/v1/graph?window=banana", StatusCode::BAD_REQUEST),
        ("/api/v1/graph?colour=red", StatusCode::BAD_REQUEST),
        ("/api/v1/nothing", StatusCode::NOT_FOUND),
        (
            "/api/v1/namespaces/bookinfo/workloads/no-such",
            StatusCode::NOT_FOUND,
        ),
    ] {
        let answer = demo
            .client
            .get(format!("{}{path}", demo.address()))
            .send()
            .await
            .expect("it answers");
        assert_eq!(answer.status(), wanted, "{path}");
        let kind = answer.headers()["content-type"]
            .to_str()
            .expect("a text")
            .to_owned();
        assert_eq!(kind, "application/problem+json", "{path}");
        let problem: serde_json::Value = answer.json().await.expect("a problem is JSON");
        assert!(problem["code"].is_string(), "{path}: {problem}");
    }
    let answer = demo
        .client
        .get(format!("{}{long}", demo.address()))
        .send()
        .await
        .expect("it answers");
    assert!(answer.status().is_client_error(), "{}", answer.status());
}

/// Sent as bytes: a client library would tidy these paths up.
#[tokio::test]
async fn no_name_leaves_its_folder() {
    let Some(demo) = Demo::with(&[]).await else { return };
    for path in [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/scenarios/..%2f..%2f..%2fetc",
        "/api/v1/scenarios/%2e%2e",
        "/api/v1/namespaces/bookinfo/workloads/..%2f..%2fetc%2fpasswd/logs",
        "/api/v1/config/core/Service/bookinfo/..%2f..%2f..%2fetc%2fpasswd",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = raw(&demo, &format!("{method} {path} HTTP/1.1"));
            assert!(!answer.contains("root:"), "{method} {path}: {answer}");
            let page =
                method == "GET" && answer.starts_with("HTTP/1.1 200") && answer.contains("<!doctype html>");
            let refused = answer.starts_with("HTTP/1.1 4");
            assert!(page || refused, "{method} {path}: {answer}");
        }
    }
}

#[tokio::test]
async fn pages_carry_a_strict_policy_and_nothing_is_shared_with_other_sites() {
    let Some(demo) = Demo::with(&[]).await else { return };
    for path in ["/", "/map", "/app.js", "/api/v1/status"] {
        let answer = demo
            .client
            .get(format!("{}{path}", demo.address()))
            .header("origin", "http://site.example");
        let answer = answer.send().await.expect("it answers");
        let header = |name: &str| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe-inline"), "{path}: {policy}");
        assert!(
            policy.replace("'wasm-unsafe-eval'", "").find("unsafe").is_none(),
            "{path}: {policy}"
        );
        assert!(policy.contains("frame-ancestors"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("access-control-allow-origin"), "", "{path}");
    }
}

#[tokio::test]
async fn keys_and_tokens_are_behind_a_private_folder_and_in_no_dump() {
    let Some(demo) = Demo::with(&[]).await else { return };
    complete_graph(&demo).await;
    let own = demo.runtime().join("vigla");
    assert_private(&own);
    // A proxy is told where its token lies, never the token.
    for process in processes_that_mention(&own.display().to_string()) {
        for word in process
            .command
            .split(' ')
            .filter(|word| word.starts_with(&own.display().to_string()))
        {
            assert_private(Path::new(word).parent().expect("files lie in folders"));
        }
    }
}

/// Only its owner enters the folder or one above it, up to the run directory's own.
fn assert_private(folder: &Path) {
    let mode = std::fs::metadata(folder).map(|folder| folder.permissions().mode() & 0o777);
    assert_eq!(mode.expect("the folder is there"), 0o700, "{}", folder.display());
}

#[tokio::test]
async fn the_console_and_the_mesh_listen_on_loopback_only() {
    let Some(demo) = Demo::start(Options::default()).await else {
        return;
    };
    complete_graph(&demo).await;
    let mut processes = processes_that_mention(&demo.runtime().display().to_string());
    processes.push(vigla_tests::Process {
        id: demo.id(),
        command: "vigla demo".into(),
    });
    let mut seen = 0;
    for process in processes {
        for address in vigla_tests::listening_addresses(process.id) {
            assert!(
                address.ip().is_loopback(),
                "{} listens on {address}",
                process.command
            );
            seen += 1;
        }
    }
    assert!(seen > 10, "a mesh listens on many addresses, seen are {seen}");
}

/// Sends one request line as it is and reads the answer.
fn raw(demo: &Demo, line: &str) -> String {
    let address = demo.address().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("the console listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout that is not zero");
    let request = format!("{line}\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the console reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}
