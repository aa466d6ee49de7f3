//! Real programs that Go builds from its module proxy: one small module each under `tests/peers`, whose `go.sum` pins
//! every source. Built once per `go.sum` and machine, at low priority.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use sha2::{Digest, Sha256};

use super::cache;
use crate::workspace::{Workspace, find_program};

/// In CI a peer that is not there by then is gone without: the tests after it need the rest of the hour.
const CI_PATIENCE: Duration = Duration::from_secs(45 * 60);

/// One such program.
pub(crate) struct GoPeer {
    /// Its name, of its folder under `tests/peers` and of the binary.
    pub(crate) name: &'static str,
    /// The package that is built.
    package: &'static str,
    /// The variable that names it to tests, and with which people name one that they have.
    pub(crate) variable: &'static str,
    /// What the linker is told beside leaving symbols out: some programs learn their own version so.
    linked: &'static str,
}

/// Jaeger 2.13: traces by OTLP and Zipkin in, by both of its APIs out. Some 450 s of a core.
pub(crate) const JAEGER: GoPeer = GoPeer {
    name: "jaeger",
    package: "github.com/jaegertracing/jaeger/cmd/jaeger",
    variable: "VIGLA_JAEGER",
    linked: "",
};

/// etcd 3.6, below the next one. Some 55 s of a core.
pub(crate) const ETCD: GoPeer = GoPeer {
    name: "etcd",
    package: "go.etcd.io/etcd/server/v3",
    variable: "VIGLA_ETCD",
    linked: "",
};

/// The API server of Kubernetes 1.36. Some 510 s of a core.
pub(crate) const KUBE_APISERVER: GoPeer = GoPeer {
    name: "kube-apiserver",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    variable: "VIGLA_KUBE_APISERVER",
    linked: " -X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 \
             -X k8s.io/component-base/version.gitMinor=36",
};

/// All of them, the quick one first; tests of each are skipped aloud where it is missing.
pub(crate) const GO_PEERS: [&GoPeer; 3] = [&ETCD, &JAEGER, &KUBE_APISERVER];

impl GoPeer {
    /// The program, if it was named or built before.
    pub(crate) fn find(&self, root: &Path) -> Option<PathBuf> {
        let named = env::var_os(self.variable).map(PathBuf::from);
        let built = || self.binary(root).ok();
        named.or_else(built).filter(|path| path.is_file())
    }

    /// [`GoPeer::find`], built if it is not there.
    pub(crate) fn ensure(&self, root: &Path) -> anyhow::Result<PathBuf> {
        if let Some(found) = self.find(root) {
            return Ok(found);
        }
        let go = find_program("go").with_context(|| {
            format!(
                "{} is built by Go, which is not on PATH; or name one by {}",
                self.name, self.variable
            )
        })?;
        let binary = self.binary(root)?;
        let folder = binary
            .parent()
            .expect("the binary lies in a folder of its go.sum");
        let drafts = cache()?;
        fs::create_dir_all(&drafts).with_context(|| format!("cannot make {}", drafts.display()))?;
        let draft = tempfile::tempdir_in(&drafts)?;
        let made = draft.path().join(self.name);
        // Cargo compiles at the same time and matters more.
        let mut build = match find_program("nice") {
            Some(nice) => {
                let mut command = Command::new(nice);
                command.args(["-n", "15"]).arg(go);
                command
            }
            None => Command::new(go),
        };
        build
            .current_dir(self.module(root))
            .args([
                "build",
                "-p",
                "2",
                "-trimpath",
                "-mod=readonly",
                &format!("-ldflags=-s -w{}", self.linked),
                "-o",
            ])
            .args([made.as_os_str(), self.package.as_ref()]);
        let output = build.output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last: Vec<&str> = said.lines().rev().take(3).collect();
            bail!("Go cannot build {}: {}", self.name, last.join(" | "));
        }
        fs::create_dir_all(folder)?;
        fs::rename(made, &binary)?;
        Ok(binary)
    }

    fn module(&self, root: &Path) -> PathBuf {
        root.join("tests/peers").join(self.name)
    }

    fn binary(&self, root: &Path) -> anyhow::Result<PathBuf> {
        let sums = self.module(root).join("go.sum");
        let sums = fs::read(&sums).with_context(|| format!("cannot read {}", sums.display()))?;
        let hash = Sha256::digest(&sums);
        let key: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Ok(cache()?.join(format!("{}-{key}", self.name)).join(self.name))
    }
}

/// Builds under way while cargo works.
pub(crate) struct GoBuilds {
    started: Instant,
    results: Receiver<(&'static GoPeer, anyhow::Result<PathBuf>)>,
}

impl GoBuilds {
    /// Begins to build what is missing, one after the other: a compile takes 2 GB of memory.
    pub(crate) fn start(workspace: &Workspace) -> Self {
        let (sender, results) = channel();
        let root = workspace.root.clone();
        thread::spawn(move || {
            for peer in GO_PEERS {
                // Nobody waits any more when a step before has failed.
                let _ = sender.send((peer, peer.ensure(&root)));
            }
        });
        Self {
            started: Instant::now(),
            results,
        }
    }

    /// Waits for all of them; in CI not for ever.
    pub(crate) fn finish(self) -> Vec<(&'static GoPeer, anyhow::Result<PathBuf>)> {
        let mut all = Vec::new();
        while all.len() < GO_PEERS.len() {
            let received = if env::var_os("CI").is_some() {
                let left = CI_PATIENCE.saturating_sub(self.started.elapsed());
                self.results.recv_timeout(left)
            } else {
                self.results.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match received {
                Ok(result) => all.push(result),
                Err(_) => {
                    let peer = GO_PEERS[all.len()];
                    all.push((peer, Err(anyhow!("it was not built in time"))));
                }
            }
        }
        all
    }
}
