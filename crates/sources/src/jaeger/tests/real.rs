//! The suite against real Jaeger, which `VIGLA_JAEGER` names (`cargo xtask test` builds it where Go is).
//!
//! Its answers are kept for machines without it: with `VIGLA_RECORD=1` this test writes them anew.

use std::{
    env, fs,
    process::{Child, Command, Stdio},
};

use opentelemetry_proto::tonic::trace::v1::TracesData;

use super::*;

/// Real Jaeger with everything in memory, ended when dropped.
struct Jaeger {
    process: Child,
    query: SocketAddr,
    otlp: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Jaeger {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Jaeger {
    async fn start(program: &str) -> Self {
        // Three listeners at once, so that the ports differ.
        let held = [listener().await, listener().await, listener().await];
        let [query, grpc, otlp] = [held[0].1, held[1].1, held[2].1];
        drop(held);
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("jaeger.yaml");
        let text = format!(
            "service:\n  extensions: [jaeger_storage, jaeger_query]\n  pipelines:\n    traces: {{receivers: [otlp], processors: [], exporters: [jaeger_storage_exporter]}}\n  \
             telemetry: {{metrics: {{level: none}}, logs: {{level: warn}}}}\nextensions:\n  jaeger_storage: {{backends: {{memory: {{memory: {{max_traces: 10000}}}}}}}}\n  \
             jaeger_query:\n    storage: {{traces: memory}}\n    http: {{endpoint: \"{query}\"}}\n    grpc: {{endpoint: \"{grpc}\"}}\nreceivers:\n  \
             otlp: {{protocols: {{http: {{endpoint: \"{otlp}\"}}}}}}\nexporters:\n  jaeger_storage_exporter: {{trace_storage: memory}}\n"
        );
        fs::write(&settings, text).unwrap();
        let process = Command::new(program)
            .arg("--config")
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let jaeger = Self {
            process,
            query,
            otlp,
            _folder: folder,
        };
        let started = Instant::now();
        for address in [query, otlp] {
            while TcpStream::connect(address).await.is_err() {
                assert!(
                    started.elapsed() < Duration::from_secs(60),
                    "Jaeger does not start"
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        jaeger
    }

    /// Sends the prepared traces as an exporter does, and waits until they can be asked for.
    async fn fill(&self) {
        let data = TracesData {
            resource_spans: contract::batches(),
        };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let sent = client
            .post(format!("http://{}/v1/traces", self.otlp))
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&data).unwrap());
        assert!(sent.send().await.unwrap().status().is_success());
        let source = source(self.query, Duration::from_secs(20));
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
    async fn recorder(&self, old: bool) -> (SocketAddr, Arc<Mutex<Recording>>) {
        let (listener, address) = listener().await;
        let recording: Arc<Mutex<Recording>> = Arc::default();
        let (kept, behind) = (recording.clone(), self.query);
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_jaeger_does_what_every_trace_source_does_by_both_apis() {
    let Ok(program) = env::var("VIGLA_JAEGER") else {
        eprintln!("skipped: VIGLA_JAEGER names no Jaeger (`cargo xtask peers` builds it)");
        return;
    };
    let jaeger = Jaeger::start(&program).await;
    jaeger.fill().await;
    for (name, old) in [("v3", false), ("legacy", true)] {
        let (address, recording) = jaeger.recorder(old).await;
        contract::check(&source(address, Duration::from_secs(20))).await;
        if env::var_os("VIGLA_RECORD").is_some() {
            let text = serde_json::to_string_pretty(&*recording.lock().unwrap()).unwrap();
            fs::write(super::recording(name), text + "\n").unwrap();
        }
    }
}
