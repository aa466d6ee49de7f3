//! A sidecar: one child process, started again with growing pauses when it dies, ended with the demo.

mod command;
mod logs;
mod process;
mod spawner;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use tokio::{process::Child, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use command::{Launch, Program};
pub use logs::LogTail;
pub(crate) use logs::{Ring, read_tail};
pub(crate) use spawner::Spawner;

/// Pauses before a restart: the first, and the longest. A sidecar that lived for [`STEADY`] begins anew.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const STEADY: Duration = Duration::from_secs(30);

/// How long a sidecar may take to drain after SIGTERM before it is killed.
const DRAIN: Duration = Duration::from_secs(3);

/// How long the output of a dead sidecar is read on.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What a sidecar's process is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SidecarStatus {
    /// Namespace of its workload.
    pub namespace: String,
    /// Its workload.
    pub workload: String,
    /// Its instance, such as `reviews-v1-0`.
    pub instance: String,
    /// `vigla-proxy` or `envoy`.
    pub program: &'static str,
    /// Where its admin interface is.
    pub admin: SocketAddr,
    /// Process id while it runs.
    pub pid: Option<u32>,
    /// Since when this process runs.
    pub since: Option<SystemTime>,
    /// Processes that died before this one.
    pub restarts: u32,
    /// How the last one died, with its last words.
    pub last_exit: Option<String>,
    /// Resident memory; `None` where the system does not tell.
    pub rss_bytes: Option<u64>,
    /// Processor time that this process used.
    pub cpu: Option<Duration>,
}

/// Who a sidecar belongs to, and what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SidecarSpec {
    pub(crate) namespace: String,
    pub(crate) workload: String,
    pub(crate) instance: String,
    pub(crate) admin: SocketAddr,
    pub(crate) access_log: PathBuf,
    pub(crate) launch: Launch,
}

/// A sidecar under supervision.
#[derive(Debug)]
pub(crate) struct Sidecar {
    spec: SidecarSpec,
    life: Arc<Mutex<Life>>,
    words: Arc<Ring>,
    /// Dropping it ends the process.
    stop: DropGuard,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Life {
    pid: Option<u32>,
    since: Option<SystemTime>,
    restarts: u32,
    last_exit: Option<String>,
}

impl Sidecar {
    /// Starts the process, and starts it again when it dies.
    pub(crate) fn start(spec: SidecarSpec, spawner: Arc<Spawner>) -> Self {
        let (life, words, stop) = (
            Arc::<Mutex<Life>>::default(),
            Arc::<Ring>::default(),
            CancellationToken::new(),
        );
        let supervision = Supervision {
            spec: spec.clone(),
            spawner,
            life: life.clone(),
            words: words.clone(),
            stop: stop.clone(),
        };
        let task = tokio::spawn(supervision.run());
        Self {
            spec,
            life,
            words,
            stop: stop.drop_guard(),
            task,
        }
    }

    pub(crate) fn spec(&self) -> &SidecarSpec {
        &self.spec
    }

    /// What it wrote besides its access log, newest last.
    pub(crate) fn words(&self) -> Vec<String> {
        self.words.lines()
    }

    /// State of its process now.
    pub(crate) fn status(&self) -> SidecarStatus {
        let life = self.life.lock().expect("nothing panics while it holds the state");
        let usage = life.pid.and_then(process::usage);
        SidecarStatus {
            namespace: self.spec.namespace.clone(),
            workload: self.spec.workload.clone(),
            instance: self.spec.instance.clone(),
            program: self.spec.launch.program.name(),
            admin: self.spec.admin,
            pid: life.pid,
            since: life.since,
            restarts: life.restarts,
            last_exit: life.last_exit.clone(),
            rss_bytes: usage.map(|usage| usage.rss_bytes),
            cpu: usage.map(|usage| usage.cpu),
        }
    }

    /// Asks it to end, waits, and kills it when it does not.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        // The task ends within the time to drain; a panic in it has ended the child too.
        let _ = self.task.await;
    }
}

struct Supervision {
    spec: SidecarSpec,
    spawner: Arc<Spawner>,
    life: Arc<Mutex<Life>>,
    words: Arc<Ring>,
    stop: CancellationToken,
}

impl Supervision {
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let born = Instant::now();
            let end = match self.spawner.spawn(self.spec.launch.command()).await {
                Ok(child) => match self.live(child).await {
                    Some(end) => end,
                    None => return,
                },
                Err(error) => format!("`{}` cannot be run: {error}", self.spec.launch.path().display()),
            };
            let SidecarSpec {
                namespace, workload, ..
            } = &self.spec;
            tracing::warn!(%namespace, %workload, %end, "A sidecar died and is started again.");
            self.update(|life| {
                life.restarts += 1;
                life.last_exit = Some(end);
                (life.pid, life.since) = (None, None);
            });
            pause = if born.elapsed() > STEADY {
                FIRST_PAUSE
            } else {
                pause
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Waits for the end of the process; `None` when it was asked for.
    async fn live(&self, mut child: Child) -> Option<String> {
        self.update(|life| (life.pid, life.since) = (child.id(), Some(SystemTime::now())));
        // The sidecar ends when this end of the pipe is closed, so it is kept as long as the child.
        let stdin = child.stdin.take();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        // Envoy writes its access log to standard output: then it goes to the file that others write themselves.
        let access_log = (self.spec.launch.program == Program::Envoy).then(|| self.spec.access_log.clone());
        let reading = tokio::spawn(logs::read_output(out, err, access_log, self.words.clone()));
        let ended = tokio::select! {
            status = child.wait() => Some(status),
            () = self.stop.cancelled() => None,
        };
        if let Some(status) = ended {
            // Its last words may still be in the pipe.
            let _ = tokio::time::timeout(LAST_WORDS, reading).await;
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            let last = self.words.lines().pop();
            return Some(last.map_or_else(|| how.clone(), |last| format!("{how}: {last}")));
        }
        process::terminate(&child);
        if tokio::time::timeout(DRAIN, child.wait()).await.is_err() {
            // An error here means that it ended by itself in between.
            let _ = child.kill().await;
        }
        drop(stdin);
        self.update(|life| (life.pid, life.since) = (None, None));
        None
    }

    fn update(&self, change: impl FnOnce(&mut Life)) {
        change(&mut self.life.lock().expect("nothing panics while it holds the state"));
    }
}

#[cfg(test)]
mod tests;
