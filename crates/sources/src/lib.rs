//! Where data comes from: traits with an embedded and a real implementation each.
//!
//! A source that cannot answer says so with an error; it never answers with nothing instead.

#[cfg(any(test, feature = "fakes"))]
pub mod fakes;
mod folder;
mod jaeger;
mod joined;
mod mesh_config;
mod metrics;
mod names;
pub mod outbound;
pub mod prometheus;
mod rows;
pub mod series;
pub mod traces;

pub use folder::{FolderError, FolderSource};
pub use jaeger::JaegerSource;
pub use joined::JoinedSource;
pub use mesh_config::{ConfigError, ConfigFile, ConfigSource, ConfigState};
pub use metrics::{MetricSource, SourceAbout, SourceError};
pub use names::Names;
pub use rows::RowSum;
