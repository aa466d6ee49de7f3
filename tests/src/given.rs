//! What the machine offers, as `cargo xtask test` names it in variables.

use std::{env, ffi::OsString, io::Write, path::PathBuf};

/// Something that a test needs and that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// The program `vigla` of this tree.
    Vigla,
    /// The program `vigla-proxy` of this tree.
    Proxy,
    /// Stock Envoy.
    Envoy,
    /// Prometheus.
    Prometheus,
    /// etcd.
    Etcd,
    /// The API server of Kubernetes.
    KubeApiserver,
    /// Jaeger.
    Jaeger,
    /// WebDriver for Chromium.
    Chromedriver,
    /// The script of axe-core.
    Axe,
}

impl Given {
    fn variable(self) -> &'static str {
        match self {
            Self::Vigla => "VIGLA_BIN",
            Self::Proxy => "VIGLA_PROXY_BIN",
            Self::Envoy => "VIGLA_ENVOY",
            Self::Prometheus => "VIGLA_PROMETHEUS",
            Self::Etcd => "VIGLA_ETCD",
            Self::KubeApiserver => "VIGLA_KUBE_APISERVER",
            Self::Jaeger => "VIGLA_JAEGER",
            Self::Chromedriver => "CHROMEDRIVER",
            Self::Axe => "VIGLA_AXE",
        }
    }
}

/// Where it is; `None` when the machine does not have it, and then the test is over: this says so aloud.
pub fn given(what: Given) -> Option<PathBuf> {
    let path = env::var_os(what.variable()).filter(|value| !value.is_empty());
    if path.is_none() {
        skip(&format!(
            "{} is not set; `cargo xtask test` sets it",
            what.variable()
        ));
    }
    path.map(PathBuf::from)
}

/// Whether tests run as root and so can become somebody else.
pub fn run_as_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Says why a test is over before it began. Not by `eprintln`: that is shown for failed tests only.
pub(crate) fn skip(reason: &str) {
    // `cargo xtask test` runs all other tests first and these later, with everything in place.
    if env::var_os("VIGLA_END_TO_END") == Some(OsString::from("later")) {
        return;
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // One write, so that tests side by side do not mix their lines.
    std::io::stderr()
        .write_all(format!("skipped: {test}: {reason}\n").as_bytes())
        .ok();
}
