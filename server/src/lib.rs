//! The console: HTTP API, tasks, settings and commands.
//!
//! Routes are in `router`, tasks in `tasks`, commands in `command`. Handlers authorise, read and answer; what
//! they answer is decided in the domain crates.

pub mod assets;
pub mod build;
pub mod caller;
pub mod changes;
pub mod command;
pub mod console;
pub mod cut;
pub mod error;
pub mod etag;
pub mod guard;
pub mod handlers;
pub mod last_good;
pub mod live;
pub mod router;
pub mod serve;
pub mod settings;
pub mod sources;
pub mod state;
pub mod tasks;
pub mod topics;
pub mod traces;
