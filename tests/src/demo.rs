//! `vigla demo` as a child process, on a free port and with a run directory of its own.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use vigla_api::Graph;

use crate::{Given, given, output, until_some};

/// The start waits for sidecars that are not ready; on two busy cores that takes its time.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// An end in order takes at most this long.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// How a demo is started; the default is the plain one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Arguments behind `vigla demo --port 0`.
    pub arguments: Vec<OsString>,
    /// Run with the rights of this user id, which needs root.
    pub user: Option<u32>,
    /// Runtime folder of an earlier demo, to be shared; by default each has its own.
    pub runtime: Option<PathBuf>,
}

impl Options {
    /// A demo with these arguments.
    pub fn arguments<S: Into<OsString>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self {
            arguments: arguments.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

/// Folder for lock files and run directories.
enum Runtime {
    Own(TempDir),
    Shared(PathBuf),
}

impl Runtime {
    fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Shared(folder) => folder,
        }
    }
}

/// A running demo. Dropping it ends it, with all its sidecars.
pub struct Demo {
    child: Child,
    address: String,
    runtime: Runtime,
    /// For calls of its API.
    pub client: reqwest::Client,
    started: Instant,
}

impl Demo {
    /// Starts a demo and waits until it tells its address; `None` when the programs are not given.
    pub async fn start(options: Options) -> Option<Self> {
        let (program, _) = (given(Given::Vigla)?, given(Given::Proxy)?);
        // Short, because paths of Unix sockets are: the temporary folder of a user can be long.
        let runtime = match &options.runtime {
            Some(shared) => Runtime::Shared(shared.clone()),
            None => Runtime::Own(
                tempfile::Builder::new()
                    .prefix("vg")
                    .tempdir_in("/tmp")
                    .expect("/tmp can be written"),
            ),
        };
        let started = Instant::now();
        let mut child = spawn(&program, runtime.path(), &options);
        let address = read_address(&mut child);
        // Not under a supervisor's thread: a test that panics ends the child by dropping it.
        let address = until_some("address of the demo", START_DEADLINE, async || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("the demo ended with {status}; its log is in target/e2e");
            }
            address.try_recv().map_err(|error| error.to_string())
        })
        .await;
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build();
        let client = client.expect("a client without special wishes can be made");
        Some(Self {
            child,
            address,
            runtime,
            client,
            started,
        })
    }

    /// Starts a demo with these arguments.
    pub async fn with(arguments: &[&str]) -> Option<Self> {
        Self::start(Options::arguments(arguments)).await
    }

    /// `http://127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The folder below which its run directory lies, and nothing of another demo.
    pub fn runtime(&self) -> &Path {
        self.runtime.path()
    }

    /// The run directory: the one below [`Demo::runtime`] that has files for others.
    ///
    /// # Panics
    /// When there is none.
    pub fn run_dir(&self) -> PathBuf {
        let mut folders = vec![self.runtime().to_owned()];
        while let Some(folder) = folders.pop() {
            if folder.join("prometheus.yml").is_file() {
                return folder;
            }
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            folders.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
        }
        panic!("the demo has written no prometheus.yml");
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A GET that must succeed, with its body as this type.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        self.try_get(path)
            .await
            .unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// A GET; an answer that is not 2xx is an error with its body.
    pub async fn try_get<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let answer = self.client.get(format!("{}{path}", self.address)).send().await;
        let answer = answer.map_err(|error| format!("{error:?}"))?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("{status}: {body}"));
        }
        serde_json::from_str(&body).map_err(|error| format!("{error} in {body}"))
    }

    /// The graph for a query such as `namespaces=bookinfo&view=workload`; an error while it is not ready.
    pub async fn graph(&self, query: &str) -> Result<Graph, String> {
        self.try_get(&format!("/api/v1/graph?{query}")).await
    }

    /// Sends a signal to the demo's process alone.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("process ids are positive");
        rustix::process::kill_process(id, signal).ok();
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self, deadline: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        while started.elapsed() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        if self.wait(STOP_DEADLINE).is_none() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

fn spawn(program: &Path, runtime: &Path, options: &Options) -> Child {
    let mut words: Vec<OsString> = Vec::new();
    let program = match options.user {
        None => program.to_owned(),
        Some(user) => {
            let id = user.to_string();
            let flags = ["--reuid", &id, "--regid", &id, "--clear-groups"];
            words.push("setpriv".into());
            words.extend(flags.map(OsString::from));
            hand_over(program, runtime, user)
        }
    };
    words.push(program.into());
    words.extend(["demo", "--port", "0"].map(OsString::from));
    words.extend(options.arguments.iter().cloned());

    static STARTED: AtomicU32 = AtomicU32::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let log = File::create(output(&format!("demo-{}-{number}.log", std::process::id())))
        .expect("a log can be made");
    Command::new(&words[0])
        .args(&words[1..])
        .env("XDG_RUNTIME_DIR", runtime)
        .env_remove("RUST_LOG")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", words[0].display()))
}

/// Gives another user a copy of the programs, whose own folder may be closed to them, and the runtime folder.
fn hand_over(program: &Path, runtime: &Path, user: u32) -> PathBuf {
    use std::os::unix::fs::{PermissionsExt, chown};
    let folder = runtime.join("bin");
    fs::create_dir(&folder).expect("the runtime folder is new");
    let beside = program.parent().expect("a program lies in a folder");
    for name in ["vigla", "vigla-proxy"] {
        fs::copy(beside.join(name), folder.join(name)).expect("both programs lie side by side");
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).expect("the copy is ours");
    }
    for path in [folder.as_path(), runtime] {
        chown(path, Some(user), Some(user)).expect("root may give files away");
    }
    folder.join("vigla")
}

/// Reads what the demo says on its standard output, and on; the receiver gets the first address.
fn read_address(child: &mut Child) -> std::sync::mpsc::Receiver<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let stdout = child.stdout.take().expect("asked for when it was started");
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(start) = line.find("http://") {
                let address = line[start..].split_whitespace().next().unwrap_or_default();
                sender.send(address.trim_end_matches('/').to_owned()).ok();
            }
        }
    });
    receiver
}
