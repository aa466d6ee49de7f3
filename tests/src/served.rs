//! `vigla serve` as a child process.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::de::DeserializeOwned;
use vigla_api::{Graph, SourceStatus, Status};

use crate::{Given, given, output};

/// What every answer keeps to, whatever trouble a source is in: a second, and what a busy machine adds.
const ANSWER: Duration = Duration::from_millis(1500);

/// A running console over the sources of a settings file. Dropping it ends it.
pub struct Served {
    child: Child,
    address: String,
    client: reqwest::Client,
}

impl Served {
    /// Starts it and waits until it tells its address; `None` when the program is not given.
    ///
    /// # Panics
    /// When it ends before.
    pub fn start(settings: &Path) -> Option<Self> {
        let log = output(&format!("serve-{}.log", std::process::id()));
        let mut child = Command::new(given(Given::Vigla)?)
            .args(["serve", "--port", "0", "--settings"])
            .arg(settings)
            .stdout(Stdio::piped())
            .stderr(File::create(log).expect("a log can be made"))
            .spawn()
            .expect("vigla starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it is");
        let address = line.trim().strip_prefix("Vigla is at ").unwrap_or_else(|| {
            panic!("vigla serve says `{line}`; its log is in target/e2e");
        });
        let address = address.trim_end_matches('/').to_owned();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build();
        Some(Self {
            child,
            address,
            client: client.expect("a client without special wishes can be made"),
        })
    }

    /// A GET within the time that every answer keeps to; an answer that is not 2xx is an error with its body.
    ///
    /// # Errors
    /// When there is no answer of success.
    ///
    /// # Panics
    /// When the answer takes too long: no source's trouble may do that.
    pub async fn try_get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let started = Instant::now();
        let answer = self.client.get(format!("{}{path}", self.address)).send().await;
        let answer = answer.map_err(|error| format!("{error:?}"))?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| error.to_string())?;
        assert!(
            started.elapsed() < ANSWER,
            "GET {path} took {:?}",
            started.elapsed()
        );
        if !status.is_success() {
            return Err(format!("{status}: {body}"));
        }
        serde_json::from_str(&body).map_err(|error| format!("{error} in {body}"))
    }

    /// The graph for a query such as `view=workload`.
    ///
    /// # Errors
    /// While it is not ready.
    pub async fn graph(&self, query: &str) -> Result<Graph, String> {
        self.try_get(&format!("/api/v1/graph?{query}")).await
    }

    /// How the source of a kind (`metrics`, `traces`, `config`) is.
    ///
    /// # Errors
    /// When there is none.
    pub async fn source(&self, kind: &str) -> Result<SourceStatus, String> {
        let status: Status = self.try_get("/api/v1/status").await?;
        let sources = format!("{:?}", status.sources);
        let found = status.sources.into_iter().find(|source| source.kind == kind);
        found.ok_or(sources)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Nothing of it is to be kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
