//! The demo as a whole: what starts it, what holds it, and what ends it.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use thiserror::Error;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vigla_config::{MeshSettings, Snapshot};
use vigla_model::ClusterName;
use vigla_sources::{ConfigSource, ConfigState, FolderSource};

use crate::{
    AppCounts, DemoError, DemoOptions, GeneratorStatus, LogTail, Scenarios, SidecarStatus,
    address::AddressPlan,
    embedded,
    fleet::Fleet,
    generator::{GeneratorOptions, Page, Tally, run_generator},
    mesh::{Mesh, ingress_gateway},
    number::{self, Number},
    probe::{Readiness, wait_until_free},
    scenario::{Overlay, read_scenarios},
    sidecar::read_tail,
};

/// Name of the demo's Kubernetes cluster, as metrics carry it.
const CLUSTER: &str = "demo";

/// How long traffic waits for sidecars that are not ready; then it begins without them.
const READY_DEADLINE: Duration = Duration::from_secs(15);

/// Most log lines in one answer.
const MAX_LOG_LINES: usize = 10_000;

/// A running laptop mesh. [`Demo::shutdown`] ends it in order; dropping it kills its processes.
pub struct Demo {
    config_source: Arc<dyn ConfigSource>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    scenarios: Arc<Scenarios>,
    fleet: Arc<Fleet>,
    tally: Tally,
    traffic: watch::Sender<bool>,
    problems: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
    // The last field: the run directory goes after everything that uses it.
    number: Number,
}

/// Why there are no log lines.
#[derive(Debug, Error)]
pub enum LogsError {
    /// No such workload, or one without sidecar.
    #[error("`{namespace}/{workload}` has no sidecar here that writes a log")]
    NoSidecar {
        /// Namespace asked for.
        namespace: String,
        /// Workload asked for.
        workload: String,
    },
    /// The file cannot be read.
    #[error("cannot read the access log")]
    Read(#[from] io::Error),
}

impl Demo {
    /// Starts the mesh. Sidecars get ready in the background; traffic begins when they are.
    ///
    /// # Errors
    /// When the config cannot be used, addresses are in use, or a program cannot be run.
    pub async fn start(options: DemoOptions) -> Result<Self, DemoError> {
        check_program(&options.proxy_program)?;
        let base = options.runtime_dir.clone().unwrap_or_else(number::runtime_dir);
        let number = Number::take(&base, options.capture)?;
        let folders = Folders::make(&options, number.run_dir())?;
        let config_source = Arc::new(folders.open()?);
        let config = config_source.watch();
        let scenarios = Scenarios::new(
            read_scenarios(embedded::scenarios(), &folders.mesh),
            Overlay::new(folders.overlay.clone()),
            config_source.clone(),
        );
        let added = ingress_gateway(&config.borrow().objects());
        if let Some(text) = added {
            scenarios
                .supplement("ingressgateway-of-the-demo.yaml", &text)
                .await?;
        }
        if let Some(name) = &options.scenario {
            scenarios.apply(name, 1).await?;
        }
        let settings = MeshSettings {
            cluster: ClusterName::new(CLUSTER),
            ..MeshSettings::default()
        };
        let mut addresses = AddressPlan::new(number.get(), options.capture);
        let first_config = config.borrow().clone();
        let mesh = Mesh::plan(first_config.objects(), &settings, &mut addresses)?;
        wait_until_free(mesh.listeners()).await?;

        let (traffic, traffic_seen) = watch::channel(false);
        let (snapshot, snapshot_seen) = watch::channel(mesh.snapshot.clone());
        let (pages, pages_seen) = watch::channel(Arc::new(mesh.pages.clone()));
        let fleet = Arc::new(Fleet::new(
            options.clone(),
            number.run_dir(),
            number.socket(),
            traffic_seen,
        )?);
        let generator = GeneratorOptions {
            rate: options.rate,
            requests: options.requests,
            seed: options.seed,
            source: addresses.own_source(),
        };
        let demo = Self {
            config_source,
            snapshot: snapshot_seen,
            scenarios: Arc::new(scenarios),
            fleet,
            tally: Tally::default(),
            traffic,
            problems: Arc::new(Mutex::new(mesh.problems.clone())),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            number,
        };
        if let Err(error) = demo.fleet.bring_to(&mesh).await {
            demo.shutdown().await;
            return Err(error);
        }
        let following = Following {
            settings,
            addresses,
            config,
            snapshot,
            pages,
            fleet: demo.fleet.clone(),
            problems: demo.problems.clone(),
        };
        demo.spawn(following.run(first_config.revision));
        demo.spawn(run_generator(
            generator,
            pages_seen,
            demo.traffic.clone(),
            demo.tally.clone(),
        ));
        demo.spawn(begin_traffic(demo.fleet.clone(), demo.traffic.clone()));
        Ok(demo)
    }

    /// The private directory of this run: config, overlay, logs, sockets.
    pub fn run_dir(&self) -> &Path {
        self.number.run_dir()
    }

    /// Where the mesh's config comes from.
    pub fn config_source(&self) -> Arc<dyn ConfigSource> {
        self.config_source.clone()
    }

    /// The mesh's config as read.
    pub fn config(&self) -> watch::Receiver<Arc<ConfigState>> {
        self.config_source.watch()
    }

    /// The mesh's config with the running instances in it.
    pub fn snapshot(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// Scenarios to apply and undo.
    pub fn scenarios(&self) -> Arc<Scenarios> {
        self.scenarios.clone()
    }

    /// State of every sidecar's process.
    pub fn sidecars(&self) -> Vec<SidecarStatus> {
        self.fleet.sidecars()
    }

    /// What every application saw.
    pub fn counts(&self) -> Vec<AppCounts> {
        self.fleet.counts()
    }

    /// What the traffic generator did.
    pub fn generator(&self) -> GeneratorStatus {
        self.tally.read()
    }

    /// What the config asks for and the demo cannot do, for people.
    pub fn problems(&self) -> Vec<String> {
        lock(&self.problems).clone()
    }

    /// The last lines (at most 10 000) of the access logs of a workload's sidecars.
    ///
    /// # Errors
    /// When it has no sidecar here, or its log cannot be read.
    pub async fn logs(&self, namespace: &str, workload: &str, last: usize) -> Result<LogTail, LogsError> {
        let files = self.fleet.logs_of(namespace, workload);
        if files.is_empty() {
            let (namespace, workload) = (namespace.to_owned(), workload.to_owned());
            return Err(LogsError::NoSidecar { namespace, workload });
        }
        let last = last.min(MAX_LOG_LINES);
        let reading = tokio::task::spawn_blocking(move || {
            let mut all = LogTail::default();
            for (file, _) in files {
                let tail = read_tail(&file, last)?;
                all.lines.extend(tail.lines);
                all.truncated |= tail.truncated;
            }
            Ok(all)
        });
        reading
            .await
            .unwrap_or_else(|error| Err(LogsError::Read(io::Error::other(error))))
    }

    /// Ends traffic, sidecars and applications, in this order, and removes the run directory.
    pub async fn shutdown(self) {
        self.traffic.send_replace(false);
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.fleet.stop().await;
    }

    /// Runs a task until it ends or the demo does.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = task => (),
                () = stop.cancelled() => (),
            }
        });
    }
}

impl fmt::Debug for Demo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demo")
            .field("run_dir", &self.run_dir())
            .finish_non_exhaustive()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The folders that the config is read from.
struct Folders {
    mesh: PathBuf,
    overlay: PathBuf,
}

impl Folders {
    /// Unpacks the embedded mesh, or takes the given one, and makes an empty overlay.
    fn make(options: &DemoOptions, run_dir: &Path) -> Result<Self, DemoError> {
        let make = |name: &str| {
            let path = run_dir.join(name);
            fs::create_dir(&path)
                .map_err(DemoError::file(&path))
                .map(|()| path)
        };
        let mesh = match &options.mesh_dir {
            Some(dir) if dir.is_dir() => dir.clone(),
            Some(dir) => {
                return Err(DemoError::Mesh {
                    path: dir.clone(),
                    reason: "it is no folder".to_owned(),
                });
            }
            None => {
                let dir = make("mesh")?;
                embedded::unpack_mesh(&dir)?;
                dir
            }
        };
        Ok(Self {
            mesh,
            overlay: make("overlay")?,
        })
    }

    fn open(&self) -> Result<FolderSource, DemoError> {
        FolderSource::open(&[&self.mesh, &self.overlay]).map_err(|error| DemoError::Mesh {
            path: self.mesh.clone(),
            reason: error.to_string(),
        })
    }
}

/// Keeps what runs in line with the config.
struct Following {
    settings: MeshSettings,
    addresses: AddressPlan,
    config: watch::Receiver<Arc<ConfigState>>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    pages: watch::Sender<Arc<Vec<Page>>>,
    fleet: Arc<Fleet>,
    problems: Arc<Mutex<Vec<String>>>,
}

impl Following {
    async fn run(mut self, mut revision: u64) {
        loop {
            let seen = self.config.wait_for(|config| config.revision != revision).await;
            let Ok(config) = seen.map(|config| config.clone()) else {
                return;
            };
            revision = config.revision;
            match Mesh::plan(config.objects(), &self.settings, &mut self.addresses) {
                Ok(mesh) => self.take(mesh).await,
                Err(error) => {
                    tracing::warn!(%error, "The new config asks for more than the demo can run; it goes on as it was.");
                    lock(&self.problems).push(error.to_string());
                }
            }
        }
    }

    async fn take(&mut self, mesh: Mesh) {
        self.snapshot.send_replace(mesh.snapshot.clone());
        self.pages.send_replace(Arc::new(mesh.pages.clone()));
        let mut problems = mesh.problems.clone();
        if let Err(error) = self.fleet.bring_to(&mesh).await {
            problems.push(error.to_string());
        }
        *lock(&self.problems) = problems;
    }
}

/// Starts traffic when all sidecars are ready, so that the first request finds its way.
async fn begin_traffic(fleet: Arc<Fleet>, traffic: watch::Sender<bool>) {
    let admins = fleet.sidecars().iter().map(|sidecar| sidecar.admin).collect();
    let late = Readiness::new().wait(admins, READY_DEADLINE).await;
    if !late.is_empty() {
        tracing::warn!(?late, "Some sidecars are not ready; traffic begins without them.");
    }
    traffic.send_replace(true);
}

/// The program must be there before anything else is done.
fn check_program(program: &Path) -> Result<(), DemoError> {
    match fs::metadata(program) {
        Ok(_) => Ok(()),
        Err(source) => Err(DemoError::Program {
            program: program.to_owned(),
            source,
        }),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this")
}
