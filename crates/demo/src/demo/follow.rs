//! Keeps what runs, and what others are told, in line with the config.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::sync::watch;
use vigla_config::{MeshSettings, Snapshot};
use vigla_control_plane::Published;
use vigla_sources::ConfigState;
use vigla_store::Target;

use super::lock;
use crate::{
    address::AddressPlan, fleet::Fleet, generator::Page, mesh::Mesh, prometheus::write_config,
    running::write_pods,
};

/// What is told of the newest mesh.
pub(super) struct Told {
    /// To the console.
    pub(super) snapshot: watch::Sender<Arc<Snapshot>>,
    /// To the control plane.
    pub(super) published: watch::Sender<Published>,
    /// To the metric store.
    pub(super) targets: watch::Sender<Vec<Target>>,
    /// To a real Prometheus and whoever reads what runs, by files in this directory.
    pub(super) run_dir: PathBuf,
    /// To the traffic generator.
    pub(super) pages: watch::Sender<Arc<Vec<Page>>>,
    /// To people.
    pub(super) problems: Arc<Mutex<Vec<String>>>,
}

impl Told {
    pub(super) fn new(mesh: &Mesh, revision: u64, run_dir: &Path) -> Self {
        let told = Self {
            snapshot: watch::Sender::new(mesh.snapshot.clone()),
            published: watch::Sender::new(published(mesh, revision)),
            targets: watch::Sender::new(mesh.targets()),
            pages: watch::Sender::new(Arc::new(mesh.pages.clone())),
            run_dir: run_dir.to_owned(),
            problems: Arc::new(Mutex::new(mesh.problems.clone())),
        };
        told.write_files(mesh);
        told
    }

    fn tell(&self, mesh: &Mesh, revision: u64) {
        self.snapshot.send_replace(mesh.snapshot.clone());
        self.published.send_replace(published(mesh, revision));
        self.targets.send_replace(mesh.targets());
        self.pages.send_replace(Arc::new(mesh.pages.clone()));
        self.write_files(mesh);
    }

    /// Nothing here needs these files, so the mesh goes on without them.
    fn write_files(&self, mesh: &Mesh) {
        if let Err(error) = write_config(&self.run_dir, &mesh.targets()) {
            tracing::warn!(%error, "The configuration for a real Prometheus cannot be written.");
        }
        if let Err(error) = write_pods(&self.run_dir, mesh) {
            tracing::warn!(%error, "What runs cannot be written as Pods.");
        }
    }
}

fn published(mesh: &Mesh, revision: u64) -> Published {
    Published {
        revision,
        snapshot: mesh.snapshot.clone(),
    }
}

/// The task that takes each new config.
pub(super) struct Following {
    pub(super) settings: MeshSettings,
    pub(super) addresses: AddressPlan,
    pub(super) config: watch::Receiver<Arc<ConfigState>>,
    pub(super) told: Told,
    pub(super) fleet: Arc<Fleet>,
}

impl Following {
    /// Takes every config after `revision`.
    pub(super) async fn run(mut self, mut revision: u64) {
        loop {
            let seen = self.config.wait_for(|config| config.revision != revision).await;
            let Ok(config) = seen.map(|config| config.clone()) else {
                return;
            };
            revision = config.revision;
            match Mesh::plan(config.objects(), &self.settings, &mut self.addresses) {
                Ok(mesh) => self.take(&mesh, revision).await,
                Err(error) => {
                    tracing::warn!(%error, "The new config asks for more than the demo can run; it goes on as it was.");
                    *lock(&self.told.problems) = vec![error.to_string()];
                }
            }
        }
    }

    async fn take(&self, mesh: &Mesh, revision: u64) {
        self.told.tell(mesh, revision);
        let mut problems = mesh.problems.clone();
        if let Err(error) = self.fleet.bring_to(mesh).await {
            problems.push(error.to_string());
        }
        *lock(&self.told.problems) = problems;
    }
}
