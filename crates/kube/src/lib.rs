//! The mesh's config from a Kubernetes API server, read and never written.
//!
//! [`KubeSource`] lists and watches every kind that says something about a mesh, keeps of each object what a mesh
//! asks for, and publishes it as the state of any other config source: objects take the road of YAML documents, pods
//! become running instances. What every kind's list and watch can do wrong is in `follow`; what order events may
//! come in, in `table`.
//!
//! The only crate that sees `kube`.

mod board;
mod connect;
mod discover;
mod follow;
mod kept;
mod kinds;
mod meta;
mod pulse;
mod source;
mod table;
mod wire;
mod yaml;

pub use board::{Following, KindStatus};
pub use connect::{ConnectError, KubeSettings};
pub use source::KubeSource;
