//! The command line of a sidecar.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

/// Size at which a sidecar's access log begins anew, keeping one old file: some 10 000 requests.
const ACCESS_LOG_MAX_BYTES: u64 = 4 << 20;

/// What runs as a sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// Our own proxy.
    ViglaProxy,
    /// Stock Envoy.
    Envoy,
}

impl Program {
    /// For people and for the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ViglaProxy => "vigla-proxy",
            Self::Envoy => "envoy",
        }
    }
}

/// How to start a sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    pub(crate) program: Program,
    /// `vigla-proxy`; it also starts Envoy, because it can tie a process to its parent's life.
    proxy: PathBuf,
    arguments: Vec<String>,
}

impl Launch {
    /// Our own proxy.
    pub(crate) fn vigla_proxy(
        proxy: &Path,
        node_id: &str,
        ads_socket: &Path,
        token_file: &Path,
        admin: SocketAddr,
        access_log: &Path,
    ) -> Self {
        let arguments = [
            "run",
            "--ads",
            &format!("unix:{}", ads_socket.display()),
            "--token-file",
            &token_file.display().to_string(),
            "--node",
            node_id,
            "--admin",
            &admin.to_string(),
            "--access-log",
            &access_log.display().to_string(),
            "--access-log-max",
            &ACCESS_LOG_MAX_BYTES.to_string(),
            "--exit-with-parent",
        ];
        Self {
            program: Program::ViglaProxy,
            proxy: proxy.to_owned(),
            arguments: arguments.map(str::to_owned).into(),
        }
    }

    /// Envoy with a bootstrap file. One worker: a laptop's sidecar needs no more, and each costs memory.
    pub(crate) fn envoy(proxy: &Path, envoy: &Path, bootstrap: &Path) -> Self {
        let arguments = [
            "supervise",
            "--",
            &envoy.display().to_string(),
            "--config-path",
            &bootstrap.display().to_string(),
            "--concurrency",
            "1",
            "--disable-hot-restart",
            // What a change of rules ends is ended within seconds, as with our own proxy, and not over the ten
            // minutes that Envoy gives the connections of a busy server.
            "--drain-time-s",
            "2",
            "--drain-strategy",
            "immediate",
            "--log-level",
            "warning",
        ];
        Self {
            program: Program::Envoy,
            proxy: proxy.to_owned(),
            arguments: arguments.map(str::to_owned).into(),
        }
    }

    /// A shell script in a sidecar's place.
    #[cfg(test)]
    pub(super) fn shell(script: &str) -> Self {
        Self {
            program: Program::ViglaProxy,
            proxy: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
        }
    }

    /// The program that is run.
    pub(crate) fn path(&self) -> &Path {
        &self.proxy
    }

    /// A command ready to be spawned; its input stays open as long as its parent lives.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.proxy);
        command.args(&self.arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Ctrl-C goes to the foreground group; sidecars are ended in order by us instead.
        command.process_group(0).kill_on_drop(true);
        command
    }
}

/// Size at which [`super::logs`] begins a new file, the same as for sidecars that write their own.
pub(super) const fn access_log_max_bytes() -> u64 {
    ACCESS_LOG_MAX_BYTES
}
