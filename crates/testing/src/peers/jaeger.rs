//! A Jaeger with everything in memory.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use super::{free, run, until_ready};

/// A running Jaeger.
pub struct Jaeger {
    process: Child,
    program: PathBuf,
    folder: TempDir,
    query: SocketAddr,
    otlp_http: SocketAddr,
    otlp_grpc: SocketAddr,
}

impl Jaeger {
    /// Starts it and waits until it takes connections.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn start(program: &Path) -> Self {
        let [query, grpc, otlp_http, otlp_grpc] = free();
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let text = format!(
            "service:\n  extensions: [jaeger_storage, jaeger_query]\n  pipelines:\n    traces: {{receivers: [otlp], processors: [], exporters: [jaeger_storage_exporter]}}\n  \
             telemetry: {{metrics: {{level: none}}, logs: {{level: warn}}}}\nextensions:\n  jaeger_storage: {{backends: {{memory: {{memory: {{max_traces: 10000}}}}}}}}\n  \
             jaeger_query:\n    storage: {{traces: memory}}\n    http: {{endpoint: \"{query}\"}}\n    grpc: {{endpoint: \"{grpc}\"}}\nreceivers:\n  \
             otlp: {{protocols: {{http: {{endpoint: \"{otlp_http}\"}}, grpc: {{endpoint: \"{otlp_grpc}\"}}}}}}\nexporters:\n  \
             jaeger_storage_exporter: {{trace_storage: memory}}\n"
        );
        fs::write(folder.path().join("jaeger.yaml"), text).expect("it can be written");
        let jaeger = Self {
            process: begin(program, folder.path()),
            program: program.to_owned(),
            folder,
            query,
            otlp_http,
            otlp_grpc,
        };
        jaeger.ready().await;
        jaeger
    }

    async fn ready(&self) {
        for address in [self.query, self.otlp_http, self.otlp_grpc] {
            until_ready("Jaeger", &self.folder.path().join("log"), async || {
                TcpStream::connect(address).await.is_ok()
            })
            .await;
        }
    }

    /// Where it is asked.
    pub fn query(&self) -> SocketAddr {
        self.query
    }

    /// Where it takes spans by OTLP over HTTP.
    pub fn otlp_http(&self) -> SocketAddr {
        self.otlp_http
    }

    /// Where it takes spans by OTLP over gRPC.
    pub fn otlp_grpc(&self) -> SocketAddr {
        self.otlp_grpc
    }

    /// Ends it; what it had in memory is gone.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub async fn stop(&mut self) {
        self.process.kill().await.expect("it is ours to end");
    }

    /// Starts it again where it was.
    ///
    /// # Panics
    /// When it does not get ready.
    pub async fn start_again(&mut self) {
        self.process = begin(&self.program, self.folder.path());
        self.ready().await;
    }
}

fn begin(program: &Path, folder: &Path) -> Child {
    run(
        Command::new(program)
            .arg("--config")
            .arg(folder.join("jaeger.yaml")),
        &folder.join("log"),
    )
}
