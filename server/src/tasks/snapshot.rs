//! Makes a snapshot of each new state of the mesh's config.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vigla_config::{Instance, MeshSettings, Snapshot};
use vigla_sources::ConfigState;

/// Runs until shutdown.
pub async fn run(
    mut config: watch::Receiver<Arc<ConfigState>>,
    mesh: MeshSettings,
    snapshots: watch::Sender<Arc<Snapshot>>,
    shutdown: CancellationToken,
) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = config.changed() => if changed.is_err() { return },
        }
        let state = Arc::clone(&config.borrow_and_update());
        snapshots.send_replace(build(&state, &mesh));
    }
}

/// The mesh as one state of its config says it is.
pub fn build(state: &ConfigState, mesh: &MeshSettings) -> Arc<Snapshot> {
    let instances = state.instances.iter().map(|instance| Instance::clone(instance));
    Arc::new(Snapshot::build(
        state.objects(),
        instances.collect(),
        mesh.clone(),
    ))
}
