//! What handlers may ask for. Each takes the narrowest part (`FromRef`).

use std::sync::Arc;

use axum::extract::FromRef;
use vigla_demo::Demo;
use vigla_model::Timestamp;
use vigla_sources::ConfigSource;

use crate::{
    caller::ConsoleScope, changes::Changes, handlers::traces::Traces, live::Live, settings::BasePath,
    sources::SourceBoard, topics::Topics,
};

/// Everything that handlers share. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// What the console was started for.
    pub about: Arc<About>,
    /// Who may see what.
    pub scope: ConsoleScope,
    /// The live graph.
    pub live: Live,
    /// Its streams.
    pub topics: Topics,
    /// Changes of config.
    pub changes: Changes,
    /// How the sources are.
    pub board: SourceBoard,
    /// Where the mesh's config comes from, when it has a source.
    pub config: Option<Arc<dyn ConfigSource>>,
    /// Where traces come from.
    pub traces: Traces,
    /// The laptop mesh, when this console runs one.
    pub demo: Option<Arc<Demo>>,
}

/// What the console was started for.
#[derive(Debug)]
pub struct About {
    /// `demo` or `serve`.
    pub mode: &'static str,
    /// Name of the mesh for people.
    pub mesh: String,
    /// When it started.
    pub started: Timestamp,
    /// Path below which it is reached.
    pub base_path: BasePath,
}

macro_rules! part {
    ($type:ty, $field:ident) => {
        impl FromRef<AppState> for $type {
            fn from_ref(state: &AppState) -> Self {
                state.$field.clone()
            }
        }
    };
}

part!(Arc<About>, about);
part!(ConsoleScope, scope);
part!(Live, live);
part!(Topics, topics);
part!(Changes, changes);
part!(SourceBoard, board);
part!(Option<Arc<dyn ConfigSource>>, config);
part!(Traces, traces);
part!(Option<Arc<Demo>>, demo);
