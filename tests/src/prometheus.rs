//! A real Prometheus as a child process.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

use crate::{Given, given, until_some};

/// It replays nothing and is ready in a second; on two busy cores that takes its time.
const READY: Duration = Duration::from_secs(60);

/// A running Prometheus. Dropping it ends it.
pub struct Prometheus {
    child: Child,
    program: PathBuf,
    config: PathBuf,
    address: SocketAddr,
    url: String,
    data: TempDir,
}

impl Prometheus {
    /// Starts one with this configuration on a free port, and waits until it answers; `None` when there is none here.
    pub async fn start(config: &Path) -> Option<Self> {
        let program = given(Given::Prometheus)?;
        let data = tempfile::tempdir().expect("the temporary folder can be written");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = port.expect("loopback has free ports");
        let mut prometheus = Self {
            child: begin(&program, config, data.path(), address),
            program,
            config: config.to_owned(),
            address,
            url: format!("http://{address}/"),
            data,
        };
        prometheus.ready().await;
        Some(prometheus)
    }

    async fn ready(&mut self) {
        let ready = format!("{}-/ready", self.url);
        let log = self.data.path().join("log");
        until_some("a Prometheus that is ready", READY, async || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!(
                    "Prometheus ended with {status}: {}",
                    fs::read_to_string(&log).unwrap_or_default()
                );
            }
            let answer = reqwest::get(&ready).await.map_err(|error| error.to_string())?;
            answer
                .status()
                .is_success()
                .then_some(())
                .ok_or_else(|| answer.status().to_string())
        })
        .await;
    }

    /// Ends it.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn stop(&mut self) {
        self.child.kill().expect("it is ours to end");
        self.child.wait().expect("it was started here");
    }

    /// Starts it again where it was, with its data.
    pub async fn start_again(&mut self) {
        self.child = begin(&self.program, &self.config, self.data.path(), self.address);
        self.ready().await;
    }

    /// `http://127.0.0.1:PORT/`.
    pub fn address(&self) -> &str {
        &self.url
    }

    /// The answer to a query, as JSON.
    pub async fn query(&self, query: &str) -> serde_json::Value {
        let mut url: url::Url = format!("{}api/v1/query", self.url).parse().expect("it is a URL");
        url.query_pairs_mut().append_pair("query", query);
        let answer = reqwest::get(url).await.expect("Prometheus answers");
        answer.json().await.expect("it answers in JSON")
    }
}

fn begin(program: &Path, config: &Path, data: &Path, address: SocketAddr) -> Child {
    let log = File::create(data.join("log")).expect("the folder can be written");
    Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", data.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=warn")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("Prometheus starts")
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Nothing else is to be done for a test's data.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
