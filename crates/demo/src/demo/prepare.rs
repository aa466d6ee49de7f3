//! What a start needs before anything runs: programs, folders, an authority, and the sidecars' readiness.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{sync::watch, time::timeout};
use vigla_config::MeshSettings;
use vigla_identity::Authority;
use vigla_model::Timestamp;
use vigla_sources::{ConfigSource, ConfigState, FolderSource};

use crate::{
    DemoError, DemoOptions, EnvoyChoice, embedded,
    fleet::Fleet,
    mesh::{Member, Mesh},
    probe::Readiness,
};

/// How long traffic waits for sidecars that are not ready; then it begins without them.
const READY_DEADLINE: Duration = Duration::from_secs(15);
/// How long a source may take to its first state; those over a network say what is missing after 10 s.
const SOURCE_DEADLINE: Duration = Duration::from_secs(15);

/// The folders that the config is read from.
pub(super) struct Folders {
    pub(super) mesh: PathBuf,
    pub(super) overlay: PathBuf,
}

impl Folders {
    /// Unpacks the embedded mesh, or takes the given one, and makes an empty overlay.
    pub(super) fn make(options: &DemoOptions, run_dir: &Path) -> Result<Self, DemoError> {
        let mesh = match &options.mesh_dir {
            Some(dir) if dir.is_dir() => dir.clone(),
            Some(dir) => {
                return Err(DemoError::Mesh {
                    path: dir.clone(),
                    reason: "it is no folder".to_owned(),
                });
            }
            None => {
                let dir = make(run_dir, "mesh")?;
                embedded::unpack_mesh(&dir)?;
                dir
            }
        };
        Ok(Self {
            mesh,
            overlay: make_overlay(run_dir)?,
        })
    }

    /// Reads and watches both, the overlay on top.
    pub(super) fn open(&self) -> Result<FolderSource, DemoError> {
        open_folders(&[&self.mesh, &self.overlay])
    }
}

fn make(run_dir: &Path, name: &str) -> Result<PathBuf, DemoError> {
    let path = run_dir.join(name);
    fs::create_dir(&path)
        .map_err(DemoError::file(&path))
        .map(|()| path)
}

/// An empty overlay in the run directory.
pub(super) fn make_overlay(run_dir: &Path) -> Result<PathBuf, DemoError> {
    make(run_dir, "overlay")
}

/// Reads and watches folders, later ones over earlier ones.
pub(super) fn open_folders(folders: &[&Path]) -> Result<FolderSource, DemoError> {
    FolderSource::open(folders).map_err(|error| DemoError::Mesh {
        path: folders.iter().copied().collect(),
        reason: error.to_string(),
    })
}

/// The first state of a source that is read over a network.
pub(super) async fn first_state(source: &dyn ConfigSource) -> Result<Arc<ConfigState>, DemoError> {
    let failed = |reason: String| DemoError::Mesh {
        path: source.name().into(),
        reason,
    };
    let mut states = source.watch();
    let seen = timeout(SOURCE_DEADLINE, states.wait_for(|state| state.revision > 0)).await;
    let state = match seen {
        Ok(Ok(state)) => Arc::clone(&state),
        Ok(Err(_)) | Err(_) => return Err(failed(format!("it says nothing within {SOURCE_DEADLINE:?}"))),
    };
    match state.errors.first() {
        Some(error) if state.files.is_empty() => Err(failed(error.to_string())),
        _ => Ok(state),
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
