//! Everything that runs for the mesh: applications and sidecars, brought in line with each new config.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use rand::{TryRngCore, rngs::OsRng};
use tokio::{sync::watch, task::JoinSet};
use vigla_control_plane::{JoinTokens, ProxyIdentity};

use crate::{
    AppCounts, DemoError, DemoOptions, SidecarStatus,
    app::{App, Counts},
    mesh::{Member, Mesh},
    sidecar::{Launch, Sidecar, SidecarSpec, Spawner},
};

/// Applications and sidecars that run.
#[derive(Debug)]
pub(crate) struct Fleet {
    options: DemoOptions,
    run_dir: PathBuf,
    ads_socket: PathBuf,
    tokens: Arc<JoinTokens>,
    spawner: Arc<Spawner>,
    traffic: watch::Receiver<bool>,
    running: Mutex<BTreeMap<String, Running>>,
}

/// One instance that runs.
#[derive(Debug)]
struct Running {
    app: Option<App>,
    sidecar: Option<Sidecar>,
    counts: Arc<Counts>,
}

impl Running {
    /// Tells the application what it does from now on; false when something has to be started or ended.
    fn goes_on(&self, member: &Member) -> bool {
        let same_app = match (&self.app, &member.setup) {
            (Some(app), Some(setup)) => {
                app.set(setup.clone());
                app.listen() == member.app_listeners()
            }
            (app, setup) => app.is_some() == setup.is_some(),
        };
        same_app && self.sidecar.is_some() == member.instance.sidecar.is_some()
    }
}

impl Fleet {
    pub(crate) fn new(
        options: DemoOptions,
        run_dir: &Path,
        ads_socket: PathBuf,
        tokens: Arc<JoinTokens>,
        traffic: watch::Receiver<bool>,
    ) -> Result<Self, DemoError> {
        let spawner = Spawner::start().map_err(|source| DemoError::Program {
            program: options.proxy_program.clone(),
            source,
        })?;
        Ok(Self {
            options,
            run_dir: run_dir.to_owned(),
            ads_socket,
            tokens,
            spawner: Arc::new(spawner),
            traffic,
            running: Mutex::default(),
        })
    }

    /// Starts what is new, changes what goes on, and ends what is gone.
    ///
    /// # Errors
    /// The first thing that cannot be started; the rest runs.
    pub(crate) async fn bring_to(&self, mesh: &Mesh) -> Result<(), DemoError> {
        let wanted: BTreeSet<String> = mesh.members.iter().map(Member::key).collect();
        let gone = {
            let mut running = self.lock();
            let keys: Vec<String> = running
                .keys()
                .filter(|key| !wanted.contains(*key))
                .cloned()
                .collect();
            keys.into_iter()
                .filter_map(|key| running.remove(&key))
                .inspect(|running| self.forget(running))
                .collect::<Vec<_>>()
        };
        stop_all(gone).await;
        let mut first_error = None;
        for member in &mesh.members {
            if let Err(error) = self.bring_member(member).await {
                tracing::warn!(member = member.key(), %error, "A workload of the demo cannot be started.");
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    async fn bring_member(&self, member: &Member) -> Result<(), DemoError> {
        let key = member.key();
        if self
            .lock()
            .get(&key)
            .is_some_and(|running| running.goes_on(member))
        {
            return Ok(());
        }
        let had = self.lock().remove(&key);
        let mut running = had.unwrap_or_else(|| Running {
            app: None,
            sidecar: None,
            counts: Arc::new(Counts::default()),
        });
        let done = self.bring_running(&mut running, member).await;
        self.lock().insert(key, running);
        done
    }

    async fn bring_running(&self, running: &mut Running, member: &Member) -> Result<(), DemoError> {
        let listen = member.app_listeners();
        if running
            .app
            .as_ref()
            .is_some_and(|app| member.setup.is_none() || app.listen() != listen)
            && let Some(app) = running.app.take()
        {
            app.stop().await;
        }
        match (&running.app, &member.setup) {
            (Some(app), Some(setup)) => app.set(setup.clone()),
            (None, Some(setup)) => {
                let who = (&member.instance.namespace, &member.instance.workload);
                let seed = self.options.seed ^ hash(&member.key());
                let (counts, traffic) = (running.counts.clone(), self.traffic.clone());
                let app = App::start(
                    who,
                    listen,
                    member.places.source,
                    setup.clone(),
                    counts,
                    traffic,
                    seed,
                );
                running.app = Some(app.await?);
            }
            (_, None) => (),
        }
        match (running.sidecar.take(), &member.instance.sidecar) {
            (Some(sidecar), Some(_)) => running.sidecar = Some(sidecar),
            (Some(sidecar), None) => {
                self.tokens.forget(&identity(member));
                sidecar.stop().await;
            }
            (None, Some(_)) => {
                let spec = self.prepare(member)?;
                running.sidecar = Some(Sidecar::start(spec, self.spawner.clone()));
            }
            (None, None) => (),
        }
        Ok(())
    }

    /// Writes a sidecar's private files, tells the control plane its token, and says how it is started.
    fn prepare(&self, member: &Member) -> Result<SidecarSpec, DemoError> {
        let instance = &member.instance;
        let (namespace, workload) = (instance.namespace.as_str(), instance.workload.as_str());
        let private = self
            .run_dir
            .join("sidecars")
            .join(namespace)
            .join(&*instance.name);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&private)
            .map_err(DemoError::file(&private))?;
        let token = new_token()?;
        let token_file = private.join("token");
        write_private(&token_file, &token)?;
        self.tokens.admit(token.clone(), identity(member));
        let access_log = private.join("access.log");
        let role = if member.gateway { "router" } else { "sidecar" };
        let node = format!(
            "{role}~{}~{}.{namespace}~{namespace}.svc.cluster.local",
            instance.address, instance.name
        );
        let (proxy, admin) = (&self.options.proxy_program, member.places.admin);
        let launch = if self.options.envoy.takes(namespace, workload) {
            let envoy = self
                .options
                .envoy_program
                .clone()
                .unwrap_or_else(|| PathBuf::from("envoy"));
            let bootstrap = private.join("bootstrap.json");
            let text = self.bootstrap(&node, &token, admin);
            write_private(&bootstrap, &text)?;
            Launch::envoy(proxy, &envoy, &bootstrap)
        } else {
            Launch::vigla_proxy(proxy, &node, &self.ads_socket, &token_file, admin, &access_log)
        };
        Ok(SidecarSpec {
            namespace: namespace.to_owned(),
            workload: workload.to_owned(),
            instance: instance.name.to_string(),
            admin,
            access_log,
            launch,
        })
    }

    fn bootstrap(&self, node: &str, token: &str, admin: SocketAddr) -> String {
        // The name is short because the path of a socket is: third byte of the address, or the port.
        let short = match (self.options.capture, admin.ip()) {
            (crate::CaptureMode::Bind, std::net::IpAddr::V4(ip)) => u16::from(ip.octets()[2]),
            _ => admin.port(),
        };
        vigla_xds::bootstrap(&vigla_xds::BootstrapOptions {
            node_id: node,
            ads_socket: &self.ads_socket,
            token,
            admin_socket: &self.run_dir.join(format!("{short}.sock")),
            admin_address: admin,
        })
        .to_string()
    }

    /// A sidecar that is gone for good gets no config any more.
    fn forget(&self, running: &Running) {
        if let Some(sidecar) = &running.sidecar {
            let spec = sidecar.spec();
            self.tokens.forget(&ProxyIdentity {
                namespace: spec.namespace.as_str().into(),
                instance: spec.instance.as_str().into(),
            });
        }
    }

    /// State of every sidecar, in order of names.
    pub(crate) fn sidecars(&self) -> Vec<SidecarStatus> {
        self.lock()
            .values()
            .filter_map(|running| running.sidecar.as_ref().map(Sidecar::status))
            .collect()
    }

    /// What every application saw, in order of names.
    pub(crate) fn counts(&self) -> Vec<AppCounts> {
        self.lock()
            .values()
            .filter_map(|running| running.app.as_ref().map(App::counts))
            .collect()
    }

    /// The access logs of a workload's sidecars, and what they wrote beside them; empty without sidecar.
    pub(crate) fn logs_of(&self, namespace: &str, workload: &str) -> Vec<(PathBuf, Vec<String>)> {
        let running = self.lock();
        let sidecars = running.values().filter_map(|running| running.sidecar.as_ref());
        sidecars
            .filter(|sidecar| sidecar.spec().namespace == namespace && sidecar.spec().workload == workload)
            .map(|sidecar| (sidecar.spec().access_log.clone(), sidecar.words()))
            .collect()
    }

    /// Ends everything: first the sidecars, which drain, then the applications behind them.
    pub(crate) async fn stop(&self) {
        let all = std::mem::take(&mut *self.lock());
        stop_all(all.into_values()).await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running
            .lock()
            .expect("nothing panics while it holds the fleet")
    }
}

fn identity(member: &Member) -> ProxyIdentity {
    ProxyIdentity {
        namespace: member.instance.namespace.clone(),
        instance: member.instance.name.clone(),
    }
}

async fn stop_all(all: impl IntoIterator<Item = Running>) {
    let mut apps = Vec::new();
    let mut sidecars = JoinSet::new();
    for running in all {
        apps.extend(running.app);
        if let Some(sidecar) = running.sidecar {
            sidecars.spawn(sidecar.stop());
        }
    }
    sidecars.join_all().await;
    for app in apps {
        app.stop().await;
    }
}

/// 32 random bytes of the system, in hex.
fn new_token() -> Result<String, DemoError> {
    let mut bytes = [0; 32];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| DemoError::File {
            path: "/dev/urandom".into(),
            source: std::io::Error::other(error),
        })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only this user reads.
fn write_private(path: &Path, text: &str) -> Result<(), DemoError> {
    let mut options = fs::OpenOptions::new();
    let file = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(DemoError::file(path))
}

/// FNV-1a: spreads names over seeds, the same in every run.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
