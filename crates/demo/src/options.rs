//! What a start of the demo is asked for.

use std::{net::SocketAddr, path::PathBuf};

/// How traffic gets to the sidecars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CaptureMode {
    /// Loopback addresses for each workload: `127.i.w.k`. Works for any user on Linux.
    #[default]
    Bind,
    /// Everything on `127.0.0.1` with a port for each listener, where other addresses of 127/8 cannot be bound.
    Ports,
}

/// Which sidecars are real Envoy instead of `vigla-proxy`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EnvoyChoice {
    /// None of them.
    #[default]
    None,
    /// Those of these workloads, written `NAME` or `NAMESPACE/NAME`.
    Workloads(Vec<String>),
    /// All of them.
    All,
}

impl EnvoyChoice {
    /// Whether the sidecar of this workload is to be Envoy.
    pub fn takes(&self, namespace: &str, workload: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Workloads(names) => names.iter().any(|name| match name.split_once('/') {
                Some((ns, name)) => ns == namespace && name == workload,
                None => name == workload,
            }),
        }
    }
}

/// What to run.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Folder of mesh config to run instead of the embedded one; it is only read.
    pub mesh_dir: Option<PathBuf>,
    /// Scenario whose first step is applied at the start.
    pub scenario: Option<String>,
    /// Sidecars that are Envoy.
    pub envoy: EnvoyChoice,
    /// Program for those; `None`: `envoy` on PATH.
    pub envoy_program: Option<PathBuf>,
    /// How traffic gets to the sidecars.
    pub capture: CaptureMode,
    /// Pages a second that the traffic generator asks for, on average.
    pub rate: f64,
    /// Pages after which all traffic ends; `None`: it never does.
    pub requests: Option<u64>,
    /// Decides when pages are asked for: the same seed gives the same traffic.
    pub seed: u64,
    /// Who takes the sidecars' spans by OTLP over gRPC; `None`: the demo itself.
    pub collector: Option<SocketAddr>,
    /// The `vigla-proxy` program.
    pub proxy_program: PathBuf,
    /// Folder for lock files and run directories; `None`: `$XDG_RUNTIME_DIR/vigla`, else `TEMP/vigla-UID`.
    pub runtime_dir: Option<PathBuf>,
}

impl DemoOptions {
    /// Pages a second when nothing else is asked for.
    pub const DEFAULT_RATE: f64 = 50.0;

    /// The embedded mesh with the given `vigla-proxy`, and defaults for the rest.
    pub fn new(proxy_program: impl Into<PathBuf>) -> Self {
        Self {
            mesh_dir: None,
            scenario: None,
            envoy: EnvoyChoice::None,
            envoy_program: None,
            capture: CaptureMode::Bind,
            rate: Self::DEFAULT_RATE,
            requests: None,
            seed: 1,
            collector: None,
            proxy_program: proxy_program.into(),
            runtime_dir: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envoy_is_chosen_by_name_or_by_namespace_and_name() {
        let choice = EnvoyChoice::Workloads(vec!["reviews-v1".into(), "istio-system/gate".into()]);
        assert!(choice.takes("bookinfo", "reviews-v1"));
        assert!(choice.takes("istio-system", "gate"));
        assert!(!choice.takes("bookinfo", "gate"));
        assert!(!EnvoyChoice::None.takes("bookinfo", "reviews-v1"));
    }
}
