//! Real programs that Go builds from its module proxy: one small module each under `tests/peers`, whose `go.sum` pins
//! every source. Built once per `go.sum` and machine, at low priority.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
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
        let built = || self.binary(root, &cache().ok()?).ok();
        named.or_else(built).filter(|path| path.is_file())
    }

    /// [`GoPeer::find`], built if it is not there.
    pub(crate) fn ensure(&self, root: &Path, stop: &AtomicBool) -> anyhow::Result<PathBuf> {
        if let Some(found) = self.find(root) {
            return Ok(found);
        }
        if let Some(named) = env::var_os(self.variable) {
            bail!("{} names {}, which is no file", self.variable, named.display());
        }
        self.build(root, &cache()?, stop)
    }

    /// Builds it into the folder of its `go.sum` in `cache`.
    fn build(&self, root: &Path, cache: &Path, stop: &AtomicBool) -> anyhow::Result<PathBuf> {
        let go = find_program("go").with_context(|| {
            format!(
                "{} is built by Go, which is not on PATH; or name one by {}",
                self.name, self.variable
            )
        })?;
        let binary = self.binary(root, cache)?;
        let folder = binary
            .parent()
            .expect("the binary lies in a folder of its go.sum");
        fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
        let draft = tempfile::tempdir_in(cache)?;
        let (made, log) = (draft.path().join(self.name), draft.path().join("log"));
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
            // Neither a workspace around this one nor a C compiler changes what is built.
            .env("GOWORK", "off")
            .env("CGO_ENABLED", "0")
            .args([
                "build",
                "-p",
                "2",
                "-trimpath",
                "-mod=readonly",
                &format!("-ldflags=-s -w{}", self.linked),
                "-o",
            ])
            .args([made.as_os_str(), self.package.as_ref()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?);
        let mut build = build.spawn()?;
        let status = loop {
            if let Some(status) = build.try_wait()? {
                break status;
            }
            if stop.load(Relaxed) {
                // What it has compiled so far is in Go's own cache: the next start goes on there.
                build.kill()?;
                build.wait()?;
                bail!("building {} was given up", self.name);
            }
            thread::sleep(Duration::from_millis(200));
        };
        if !status.success() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            let last = &lines[lines.len().saturating_sub(3)..];
            bail!("Go cannot build {}: {}", self.name, last.join(" | "));
        }
        fs::create_dir_all(folder)?;
        fs::rename(made, &binary)?;
        Ok(binary)
    }

    fn module(&self, root: &Path) -> PathBuf {
        root.join("tests/peers").join(self.name)
    }

    fn binary(&self, root: &Path, cache: &Path) -> anyhow::Result<PathBuf> {
        let sums = self.module(root).join("go.sum");
        let sums = fs::read(&sums).with_context(|| format!("cannot read {}", sums.display()))?;
        let hash = Sha256::digest(&sums);
        let key: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Ok(cache.join(format!("{}-{key}", self.name)).join(self.name))
    }
}

/// Where a program is, or why it is not.
pub(crate) type Built = (&'static GoPeer, anyhow::Result<PathBuf>);

/// Builds under way while cargo works.
pub(crate) struct GoBuilds {
    started: Instant,
    results: Receiver<Built>,
    finished: Vec<Built>,
    stop: Arc<AtomicBool>,
}

impl GoBuilds {
    /// Begins to build what is missing, one after the other: a compile takes 2 GB of memory.
    pub(crate) fn start(workspace: &Workspace) -> Self {
        let (sender, results) = channel();
        let root = workspace.root.clone();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            for peer in GO_PEERS {
                if stopped.load(Relaxed) || sender.send((peer, peer.ensure(&root, &stopped))).is_err() {
                    return;
                }
            }
        });
        Self {
            started: Instant::now(),
            results,
            finished: Vec::new(),
            stop,
        }
    }

    /// Waits for all of them, in CI not for ever; what is not there by then is given up.
    pub(crate) fn finish(&mut self) -> &[Built] {
        let patience = env::var_os("CI").map(|_| CI_PATIENCE.saturating_sub(self.started.elapsed()));
        self.finish_within(patience)
    }

    fn finish_within(&mut self, patience: Option<Duration>) -> &[Built] {
        let until = patience.map(|patience| Instant::now() + patience);
        while self.finished.len() < GO_PEERS.len() {
            let received = match until {
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    self.results.recv_timeout(left)
                }
                None => self.results.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            self.finished.push(received.unwrap_or_else(|_| {
                // The tests that come now need the machine for themselves.
                self.stop.store(true, Relaxed);
                let peer = GO_PEERS[self.finished.len()];
                (peer, Err(anyhow!("it was not built in time")))
            }));
        }
        &self.finished
    }
}

impl Drop for GoBuilds {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: GoPeer = GoPeer {
        name: "hello",
        package: "hello",
        variable: "VIGLA_NO_SUCH_PEER",
        linked: " -X main.version=v7",
    };

    /// A tree with one small module.
    fn tree(program: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let module = root.path().join("tests/peers/hello");
        fs::create_dir_all(&module).unwrap();
        fs::write(module.join("go.mod"), "module hello\n\ngo 1.21\n").unwrap();
        fs::write(module.join("go.sum"), "").unwrap();
        fs::write(module.join("main.go"), program).unwrap();
        root
    }

    const PROGRAM: &str = "package main\n\nvar version string\n\nfunc main() { println(version) }\n";

    fn has_go() -> bool {
        let found = find_program("go").is_some();
        if !found {
            println!("skipped: go is not on PATH");
        }
        found
    }

    #[test]
    fn a_program_is_built_once_into_the_folder_of_its_sums() {
        if !has_go() {
            return;
        }
        let (root, cache) = (tree(PROGRAM), tempfile::tempdir().unwrap());
        let going_on = AtomicBool::new(false);
        let built = HELLO.build(root.path(), cache.path(), &going_on).unwrap();
        assert_eq!(built, HELLO.binary(root.path(), cache.path()).unwrap());
        let said = Command::new(&built).output().unwrap();
        assert_eq!(String::from_utf8(said.stderr).unwrap(), "v7\n");
        let left: Vec<_> = fs::read_dir(cache.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "no drafts stay: {left:?}");
        // Other sums are another program.
        fs::write(root.path().join("tests/peers/hello/go.sum"), "\n").unwrap();
        assert_ne!(built, HELLO.binary(root.path(), cache.path()).unwrap());
    }

    #[test]
    fn what_cannot_be_built_says_why_and_leaves_nothing() {
        if !has_go() {
            return;
        }
        let (root, cache) = (
            tree("package main\n\nfunc main() { missing() }\n"),
            tempfile::tempdir().unwrap(),
        );
        let error = HELLO
            .build(root.path(), cache.path(), &AtomicBool::new(false))
            .unwrap_err();
        assert!(error.to_string().contains("undefined: missing"), "{error}");
        let given_up = HELLO
            .build(root.path(), cache.path(), &AtomicBool::new(true))
            .unwrap_err();
        assert!(given_up.to_string().contains("given up"), "{given_up}");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_not_built_in_time_is_gone_without() {
        let (sender, results) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let mut builds = GoBuilds {
            started: Instant::now(),
            results,
            finished: Vec::new(),
            stop: Arc::clone(&stop),
        };
        sender.send((GO_PEERS[0], Ok(PathBuf::from("/here")))).unwrap();
        let built = builds.finish_within(Some(Duration::from_millis(10)));
        let told: Vec<_> = built
            .iter()
            .map(|(peer, path)| (peer.name, path.is_ok()))
            .collect();
        assert_eq!(
            told,
            [("etcd", true), ("jaeger", false), ("kube-apiserver", false)]
        );
        assert!(stop.load(Relaxed));
    }
}
