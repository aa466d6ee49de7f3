//! What can keep the demo from running.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

/// Why the demo does not start, or a part of it cannot be added.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The folder for locks and run directories cannot be trusted.
    #[error("`{}` is not a private folder of this user ({reason}); remove it or set XDG_RUNTIME_DIR", path.display())]
    UnsafeFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The path of the config socket does not fit into a socket address.
    #[error(
        "the socket path `{}` has {length} bytes, but the system takes at most {limit}; set XDG_RUNTIME_DIR or TMPDIR to a shorter folder",
        path.display()
    )]
    SocketPath {
        /// The path.
        path: PathBuf,
        /// Its length.
        length: usize,
        /// The longest that is possible.
        limit: usize,
    },
    /// All demo numbers are in use.
    #[error("64 demos run already (numbers 64 to 127); end one of them")]
    NoNumberFree,
    /// Loopback addresses beside 127.0.0.1 cannot be bound here.
    #[error("{0} cannot be bound on this machine; start with `--capture ports`")]
    NoLoopback(SocketAddr, #[source] io::Error),
    /// Addresses that the demo needs are taken by other programs.
    #[error("in use by another program: {}; end it, or let the demo take other addresses by starting once more", list(.0))]
    Busy(Vec<SocketAddr>),
    /// More workloads than the address plan has room for.
    #[error("no address left for `{0}`: a demo has room for 254 workload instances")]
    TooManyWorkloads(String),
    /// More listeners than `--capture ports` has ports for.
    #[error("no port left for `{0}`: `--capture ports` has {1} for one demo")]
    TooManyPorts(String, u16),
    /// The mesh's config cannot be read at all.
    #[error("the mesh config in `{}` cannot be used: {reason}", path.display())]
    Mesh {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No rate of traffic.
    #[error("{0} is no number of pages a second from 0 to 10000")]
    Rate(f64),
    /// A workload that is to have Envoy has no sidecar.
    #[error("no workload `{name}` has a sidecar; there are {}", known.join(", "))]
    NoSuchSidecar {
        /// What was asked for.
        name: String,
        /// Workloads with a sidecar.
        known: Vec<String>,
    },
    /// A program that sidecars need cannot be run.
    #[error("cannot run `{}`", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file or folder of the run directory.
    #[error("`{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The control plane does not start.
    #[error("the control plane does not start: {0}")]
    ControlPlane(String),
    /// Spans cannot be taken.
    #[error(transparent)]
    Collector(#[from] vigla_store::traces::ReceiverError),
    /// A scenario cannot be applied.
    #[error(transparent)]
    Scenario(#[from] crate::ScenarioError),
}

impl DemoError {
    /// Names the file that an input or output error is about.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// Addresses joined by commas; the first ten are enough to find the culprit.
fn list(addresses: &[SocketAddr]) -> String {
    let mut text: Vec<String> = addresses.iter().take(10).map(ToString::to_string).collect();
    if addresses.len() > text.len() {
        text.push(format!("and {} more", addresses.len() - text.len()));
    }
    text.join(", ")
}
