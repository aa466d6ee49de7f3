//! Makes a snapshot of each new state of the mesh's config.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vigla_config::{MeshSettings, Snapshot};
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
        let objects = config.borrow_and_update().objects();
        snapshots.send_replace(Arc::new(Snapshot::build(objects, Vec::new(), mesh.clone())));
    }
}
