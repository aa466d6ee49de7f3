//! What a start needs before anything runs: programs, folders, an authority, and the sidecars' readiness.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::sync::watch;
use vigla_config::MeshSettings;
use vigla_identity::Authority;
use vigla_model::Timestamp;
use vigla_sources::FolderSource;

use crate::{
    DemoError, DemoOptions, EnvoyChoice, embedded,
    fleet::Fleet,
    mesh::{Member, Mesh},
    probe::Readiness,
};

/// How long traffic waits for sidecars that are not ready; then it begins without them.
const READY_DEADLINE: Duration = Duration::from_secs(15);

/// The folders that the config is read from.
pub(super) struct Folders {
    pub(super) mesh: PathBuf,
    pub(super) overlay: PathBuf,
}

impl Folders {
    /// Unpacks the embedded mesh, or takes the given one, and makes an empty overlay.
    pub(super) fn make(options: &DemoOptions, run_dir: &Path) -> Result<Self, DemoError> {
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

    /// Reads and watches both, the overlay on top.
    pub(super) fn open(&self) -> Result<FolderSource, DemoError> {
        FolderSource::open(&[&self.mesh, &self.overlay]).map_err(|error| DemoError::Mesh {
            path: self.mesh.clone(),
            reason: error.to_string(),
        })
    }
}

/// Starts traffic when all sidecars are ready, so that the first request finds its way.
pub(super) async fn begin_traffic(fleet: Arc<Fleet>, traffic: watch::Sender<bool>) {
    let admins = fleet.sidecars().iter().map(|sidecar| sidecar.admin).collect();
    let late = Readiness::new().wait(admins, READY_DEADLINE).await;
    if !late.is_empty() {
        tracing::warn!(?late, "Some sidecars are not ready; traffic begins without them.");
    }
    traffic.send_replace(true);
}

/// Finds a program before anything else is done: by its path, or by its name on PATH.
pub(super) fn find_program(program: &Path) -> Result<PathBuf, DemoError> {
    let failed = |source| DemoError::Program {
        program: program.to_owned(),
        source,
    };
    if program.components().count() > 1 {
        return fs::canonicalize(program).map_err(failed);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(program));
    found
        .find(|file| file.is_file())
        .ok_or_else(|| failed(io::Error::from(io::ErrorKind::NotFound)))
}

/// A name that no sidecar has is a slip of the pen, told at once.
pub(super) fn check_envoys(envoy: &EnvoyChoice, mesh: &Mesh) -> Result<(), DemoError> {
    let EnvoyChoice::Workloads(names) = envoy else {
        return Ok(());
    };
    let sidecars = || {
        mesh.members
            .iter()
            .filter(|member| member.instance.sidecar.is_some())
    };
    for name in names {
        let one = EnvoyChoice::Workloads(vec![name.clone()]);
        let takes = |member: &Member| {
            one.takes(
                member.instance.namespace.as_str(),
                member.instance.workload.as_str(),
            )
        };
        if !sidecars().any(takes) {
            let known = sidecars()
                .map(|member| member.instance.workload.to_string())
                .collect();
            return Err(DemoError::NoSuchSidecar {
                name: name.clone(),
                known,
            });
        }
    }
    Ok(())
}

/// A certificate authority of this run; its key never leaves the process.
pub(super) fn authority(settings: &MeshSettings) -> Result<Authority, DemoError> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    Authority::create(&settings.trust_domain, now).map_err(|error| DemoError::ControlPlane(chain(&error)))
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
