//! The suite against real Jaeger, which `VIGLA_JAEGER` names (`cargo xtask test` builds it where Go is).
//!
//! Its answers are kept for machines without it: with `VIGLA_RECORD=1` this test writes them anew.

use std::{env, fs, path::Path};

use opentelemetry_proto::tonic::trace::v1::TracesData;
use vigla_testing::peers::Jaeger;

use super::*;

/// Sends the prepared traces as an exporter does, and waits until they can be asked for.
async fn fill(jaeger: &Jaeger) {
    let data = TracesData {
        resource_spans: contract::batches(),
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sent = client
        .post(format!("http://{}/v1/traces", jaeger.otlp_http()))
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&data).unwrap());
    assert!(sent.send().await.unwrap().status().is_success());
    let source = source(jaeger.query(), Duration::from_secs(20));
    let started = Instant::now();
    while source.services(&Scope::All).await.map_or(0, |names| names.len()) < 4 {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "the traces do not arrive"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A server in between that keeps what passes; `old` has no API v3, as servers before it.
async fn recorder(jaeger: &Jaeger, old: bool) -> (SocketAddr, Arc<Mutex<Recording>>) {
    let (listener, address) = listener().await;
    let recording: Arc<Mutex<Recording>> = Arc::default();
    let (kept, behind) = (recording.clone(), jaeger.query());
    tokio::spawn(async move {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let Some(path) = read_path(&mut stream).await else {
                continue;
            };
            // A path that Jaeger does not know gets its page of HTML.
            let asked = if old {
                path.replace("/api/v3/", "/api/v9/")
            } else {
                path.clone()
            };
            let got = client
                .get(format!("http://{behind}{asked}"))
                .send()
                .await
                .unwrap();
            let kind = got.headers()["content-type"].to_str().unwrap().to_owned();
            let answered = Recorded {
                status: got.status().as_u16(),
                kind,
                body: got.text().await.unwrap(),
            };
            answer(
                &mut stream,
                answered.status,
                &answered.kind,
                answered.body.as_bytes(),
            )
            .await;
            kept.lock().unwrap().insert(path, answered);
        }
    });
    (address, recording)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_jaeger_does_what_every_trace_source_does_by_both_apis() {
    let Ok(program) = env::var("VIGLA_JAEGER") else {
        eprintln!("skipped: VIGLA_JAEGER names no Jaeger (`cargo xtask peers` builds it)");
        return;
    };
    let jaeger = Jaeger::start(Path::new(&program)).await;
    fill(&jaeger).await;
    for (name, old) in [("v3", false), ("legacy", true)] {
        let (address, recording) = recorder(&jaeger, old).await;
        contract::check(&source(address, Duration::from_secs(20))).await;
        if env::var_os("VIGLA_RECORD").is_some() {
            let text = serde_json::to_string_pretty(&*recording.lock().unwrap()).unwrap();
            fs::write(super::recording(name), text + "\n").unwrap();
        }
    }
}
