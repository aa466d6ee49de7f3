//! The mesh that is measured, and where its sidecars are.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use rustix::thread::{CpuSet, Pid, sched_setaffinity};
use tokio::time::sleep;
use vigla_tests::{Demo, listening_addresses, processes_that_mention};

/// Server without sidecar.
pub(crate) const PLAIN: &str = "plain:9080";
/// Server with one, so that calls to it are encrypted.
pub(crate) const SECURE: &str = "server:9080";

/// Within this time sidecars have their config.
const START: Duration = Duration::from_secs(30);

/// Server outside the mesh that speaks HTTP/2.
pub(crate) const HTTP2: &str = "books.example:9080";

/// Writes the mesh: two servers, two callers, and a server outside; a tenth of the requests make spans.
pub(crate) fn write(folder: &Path, body_bytes: usize, outside: SocketAddr) -> anyhow::Result<()> {
    let mut yaml = String::from(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: bench, labels: {istio-injection: enabled}}\n",
    );
    for (name, sidecar) in [
        ("plain", false),
        ("server", true),
        ("caller-vigla", true),
        ("caller-envoy", true),
    ] {
        yaml += &format!(
            "---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: bench}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: bench}}
spec:
  replicas: 1
  template:
    metadata:
      labels: {{app: {name}, version: v1, sidecar.istio.io/inject: \"{sidecar}\"}}
      annotations: {{demo.vigla/body-bytes: \"{body_bytes}\"}}
    spec:
      serviceAccountName: {name}
      containers: [{{name: app, image: demo.vigla/app, ports: [{{containerPort: 9080}}]}}]
"
        );
    }
    for name in ["plain", "server"] {
        yaml += &format!(
            "---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: bench}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: 9080, targetPort: 9080}}]
"
        );
    }
    yaml += &format!(
        "---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: books, namespace: bench}}
spec:
  hosts: [books.example]
  resolution: STATIC
  ports: [{{name: http2, number: 9080, protocol: HTTP2, targetPort: {}}}]
  endpoints: [{{address: {}}}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {{name: spans, namespace: istio-system}}
spec: {{tracing: [{{randomSamplingPercentage: 10}}]}}
",
        outside.port(),
        outside.ip()
    );
    fs::write(folder.join("mesh.yaml"), yaml)?;
    Ok(())
}

/// A workload's sidecar.
pub(crate) struct Caller {
    /// Its process.
    pub(crate) id: u32,
    /// Where it takes its application's calls to port 9080.
    pub(crate) outbound: SocketAddr,
}

impl Caller {
    /// Waits until the sidecar takes calls.
    pub(crate) async fn find(demo: &Demo, workload: &str) -> anyhow::Result<Self> {
        let place = format!("{}/", demo.runtime().display());
        // Its private folder, in which its token or its bootstrap file lies.
        let mark = format!("/bench/{workload}-0/");
        let started = Instant::now();
        loop {
            let process = processes_that_mention(&place)
                .into_iter()
                .find(|process| process.command.contains(&mark));
            // The address plan: calls enter at the third address of a workload.
            let outbound = process.as_ref().and_then(|process| {
                listening_addresses(process.id).into_iter().find(|address| {
                    matches!(address.ip(), IpAddr::V4(ip) if ip.octets()[3] == 3) && address.port() == 9080
                })
            });
            if let (Some(process), Some(outbound)) = (process, outbound) {
                return Ok(Self {
                    id: process.id,
                    outbound,
                });
            }
            if started.elapsed() > START {
                bail!(
                    "the sidecar of {workload} takes no calls after {} s",
                    START.as_secs()
                );
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Binds all threads of a process to one core. Those that it makes later inherit that.
pub(crate) fn pin(process: u32, core: usize) -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    for thread in fs::read_dir(format!("/proc/{process}/task"))
        .context("the process is gone")?
        .flatten()
    {
        let id = thread.file_name().to_str().and_then(|id| id.parse().ok());
        let id = id
            .and_then(Pid::from_raw)
            .context("/proc names threads by number")?;
        sched_setaffinity(Some(id), &cores).context("a process cannot be bound to a core")?;
    }
    Ok(())
}
