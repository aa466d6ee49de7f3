//! Notes every change of the mesh's config in the log of changes, and on the board how its source is.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vigla_sources::ConfigState;

use crate::{changes::Changes, cut::now, sources::SourceBoard};

/// The config source's name on the board.
pub const CONFIG: &str = "config";

/// Runs until shutdown. The author of a change is the file that it is in (or was): scenarios have their own.
pub async fn run(
    changes: Changes,
    mut config: watch::Receiver<Arc<ConfigState>>,
    board: SourceBoard,
    shutdown: CancellationToken,
) {
    let mut before = config.borrow_and_update().clone();
    note(&board, &before);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            changed = config.changed() => if changed.is_err() { return },
        }
        let after = config.borrow_and_update().clone();
        note(&board, &after);
        for change in after.changes_since(&before) {
            let file = |state: &ConfigState| {
                let mut files = state.files.iter();
                let file = files.find(|file| {
                    file.objects
                        .iter()
                        .any(|object| *object.object_ref() == change.object)
                });
                file.map(|file| file.name.to_string())
            };
            let by = file(&after).or_else(|| file(&before)).unwrap_or_default();
            changes.note(now(), after.revision, change.kind, change.object.clone(), &by);
        }
        before = after;
    }
}

/// Before the first state nothing is known of the source.
fn note(board: &SourceBoard, state: &ConfigState) {
    if state.revision > 0 {
        let result = state.errors.first().map_or(Ok(()), Err);
        board.note(CONFIG, now(), std::time::Duration::ZERO, &result);
    }
}
