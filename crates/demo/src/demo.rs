//! The demo as a whole: what starts it, what holds it, and what ends it.

mod follow;
mod prepare;

use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use thiserror::Error;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vigla_config::{MeshSettings, Object, Snapshot};
use vigla_control_plane::{JoinTokens, TracingSettings};
use vigla_model::ClusterName;
use vigla_sources::{ConfigSource, ConfigState, FolderSource, JoinedSource};
use vigla_store::{
    MetricStore, StoreSettings, run_scraper,
    traces::{TraceSettings, TraceStore, bind_receiver, run_receiver},
};

use crate::{
    AppCounts, DemoError, DemoOptions, EnvoyChoice, GeneratorStatus, LogTail, Scenarios, SidecarStatus,
    address::AddressPlan,
    embedded,
    fleet::Fleet,
    generator::{GeneratorOptions, Tally, run_generator},
    mesh::{Mesh, ingress_gateway},
    number::{self, Number},
    probe::wait_until_free,
    scenario::{Overlay, read_scenarios},
    sidecar::read_tail,
};
use follow::{Following, Told};
use prepare::{
    Folders, authority, begin_traffic, chain, check_envoys, find_program, first_state, make_overlay,
    open_folders,
};

/// Name of the demo's Kubernetes cluster, as metrics carry it.
const CLUSTER: &str = "demo";

/// Most pages a second; a laptop's generator cannot make more.
const MAX_RATE: f64 = 10_000.0;

/// Share of pages whose spans are recorded, in millionths: at 50 pages a second a tenth fills the store in half an
/// hour, and what it costs is not felt.
const SAMPLING: u32 = 100_000;

/// Most log lines in one answer.
const MAX_LOG_LINES: usize = 10_000;

/// A running laptop mesh. [`Demo::shutdown`] ends it in order; dropping it kills its processes.
pub struct Demo {
    config_source: Arc<dyn ConfigSource>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    control_plane: vigla_control_plane::Handle,
    metrics: MetricStore,
    traces: Option<TraceStore>,
    collector: SocketAddr,
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
        Self::begin(options, None).await
    }

    /// [`Demo::start`] with the mesh's config of a source that is open already, such as a cluster's: what is written
    /// there is what the sidecars here do. There are no scenarios for it.
    ///
    /// # Errors
    /// As [`Demo::start`], and when the source has nothing to say in time.
    pub async fn over(options: DemoOptions, source: Arc<dyn ConfigSource>) -> Result<Self, DemoError> {
        Self::begin(options, Some(source)).await
    }

    async fn begin(
        mut options: DemoOptions,
        source: Option<Arc<dyn ConfigSource>>,
    ) -> Result<Self, DemoError> {
        if !(0.0..=MAX_RATE).contains(&options.rate) {
            return Err(DemoError::Rate(options.rate));
        }
        options.proxy_program = find_program(&options.proxy_program)?;
        if options.envoy != EnvoyChoice::None {
            let envoy = options
                .envoy_program
                .take()
                .unwrap_or_else(|| PathBuf::from("envoy"));
            options.envoy_program = Some(find_program(&envoy)?);
        }
        let base = options.runtime_dir.clone().unwrap_or_else(number::runtime_dir);
        let number = Number::take(&base, options.capture)?;
        let (config_source, scenarios) = match source {
            None => {
                let folders = Folders::make(&options, number.run_dir())?;
                let source = Arc::new(folders.open()?);
                let scenarios = start_scenarios(&options, &folders, &source).await?;
                (source as Arc<dyn ConfigSource>, scenarios)
            }
            Some(source) => {
                let first = first_state(&*source).await?;
                let overlay = make_overlay(number.run_dir())?;
                let above = Arc::new(open_folders(&[&overlay])?);
                let scenarios = Scenarios::new(BTreeMap::new(), Overlay::new(overlay), above.clone());
                supplement(&scenarios, &first.objects()).await?;
                (
                    Arc::new(JoinedSource::new(source, above)) as Arc<dyn ConfigSource>,
                    scenarios,
                )
            }
        };

        let settings = MeshSettings {
            cluster: ClusterName::new(CLUSTER),
            ..MeshSettings::default()
        };
        let mut addresses = AddressPlan::new(number.get(), options.capture);
        let config = config_source.watch();
        let first = config.borrow().clone();
        let mesh = Mesh::plan(first.objects(), &settings, &mut addresses)?;
        check_envoys(&options.envoy, &mesh)?;
        wait_until_free(mesh.listeners()).await?;

        let own = addresses.collector()?;
        let receiver = match options.collector {
            Some(_) => None,
            None => Some(bind_receiver(own).await?),
        };
        let collector = options.collector.unwrap_or(own);

        let told = Told::new(&mesh, first.revision, number.run_dir());
        let stop = CancellationToken::new();
        let tokens = Arc::new(JoinTokens::default());
        let control_plane = vigla_control_plane::start(vigla_control_plane::Options {
            socket: number.socket(),
            snapshots: told.published.subscribe(),
            authority: Arc::new(authority(&settings)?),
            tokens: tokens.clone(),
            settings: vigla_control_plane::Settings {
                tracing: Some(TracingSettings {
                    collector,
                    sampling: SAMPLING,
                }),
            },
            // Envoy's standard output, which this process writes to a file with a bound.
            access_log: Arc::new(|_| Some(PathBuf::from("/dev/stdout"))),
            shutdown: stop.child_token(),
        })
        .map_err(|error| DemoError::ControlPlane(chain(&error)))?;
        let traffic = watch::Sender::new(false);
        let fleet = Fleet::new(
            options.clone(),
            number.run_dir(),
            number.socket(),
            tokens,
            traffic.subscribe(),
        )?;
        let demo = Self {
            config_source,
            snapshot: told.snapshot.subscribe(),
            control_plane,
            metrics: MetricStore::new(StoreSettings::default()),
            traces: receiver
                .as_ref()
                .map(|_| TraceStore::new(TraceSettings::default())),
            collector,
            scenarios: Arc::new(scenarios),
            fleet: Arc::new(fleet),
            tally: Tally::default(),
            traffic,
            problems: told.problems.clone(),
            stop,
            tasks: TaskTracker::new(),
            number,
        };
        if let (Some(receiver), Some(traces)) = (receiver, &demo.traces) {
            demo.spawn(run_receiver(receiver, traces.clone(), demo.stop.clone()));
        }
        if let Err(error) = demo.fleet.bring_to(&mesh).await {
            demo.shutdown().await;
            return Err(error);
        }
        demo.spawn(run_scraper(
            demo.metrics.clone(),
            told.targets.subscribe(),
            demo.stop.clone(),
        ));
        let generator = GeneratorOptions {
            rate: options.rate,
            requests: options.requests,
            seed: options.seed,
            source: addresses.own_source(),
        };
        demo.spawn(run_generator(
            generator,
            told.pages.subscribe(),
            demo.traffic.clone(),
            demo.tally.clone(),
        ));
        demo.spawn(begin_traffic(demo.fleet.clone(), demo.traffic.clone()));
        let following = Following {
            settings,
            addresses,
            config,
            told,
            fleet: demo.fleet.clone(),
        };
        demo.spawn(following.run(first.revision));
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

    /// The control plane that the sidecars are connected to.
    pub fn control_plane(&self) -> &vigla_control_plane::Handle {
        &self.control_plane
    }

    /// What is scraped from the sidecars.
    pub fn metrics(&self) -> &MetricStore {
        &self.metrics
    }

    /// Traces that were sent to [`Demo::collector`]; `None` where another program takes them.
    pub fn traces(&self) -> Option<&TraceStore> {
        self.traces.as_ref()
    }

    /// Where spans are taken: OTLP by gRPC, and by the demo itself OTLP by HTTP and Zipkin's JSON as well.
    pub fn collector(&self) -> SocketAddr {
        self.collector
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
    pub async fn shutdown(&self) {
        self.traffic.send_replace(false);
        self.fleet.stop().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.control_plane.drained().await;
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

/// The scenarios over the mesh's folders, with the one applied that the start asks for.
async fn start_scenarios(
    options: &DemoOptions,
    folders: &Folders,
    source: &Arc<FolderSource>,
) -> Result<Scenarios, DemoError> {
    let texts = read_scenarios(embedded::scenarios(), &folders.mesh);
    let scenarios = Scenarios::new(texts, Overlay::new(folders.overlay.clone()), source.clone());
    supplement(&scenarios, &source.state().objects()).await?;
    if let Some(name) = &options.scenario {
        scenarios.apply(name, 1).await?;
    }
    Ok(scenarios)
}

/// Puts the gateway beside the mesh that its Gateways ask for, if it has none.
async fn supplement(scenarios: &Scenarios, objects: &[Arc<Object>]) -> Result<(), DemoError> {
    if let Some(text) = ingress_gateway(objects) {
        scenarios
            .supplement("ingressgateway-of-the-demo.yaml", &text)
            .await?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this")
}
