//! What the admin address tells: clusters, and how the proxy stands with its control plane.

use std::{
    collections::BTreeMap,
    fmt::Write,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use vigla_xds::ResourceKind;

use crate::{
    config::ClusterConfig,
    upstream::{Bound, ClusterState},
};

/// A cluster as one worker sees it.
#[derive(Debug, Clone)]
pub(crate) struct ClusterStatus {
    name: Arc<str>,
    endpoints: Vec<EndpointStatus>,
}

#[derive(Debug, Clone)]
struct EndpointStatus {
    address: SocketAddr,
    healthy: bool,
    ejected: bool,
    weight: u32,
    active: u64,
    requests: u64,
    connect_failures: u64,
}

impl ClusterStatus {
    pub(crate) fn of(cluster: &ClusterState) -> Self {
        let endpoints = cluster.endpoints.iter().zip(&cluster.config.endpoints.endpoints);
        Self {
            name: cluster.config.cluster.name.clone(),
            endpoints: endpoints
                .map(|(state, endpoint)| {
                    let (active, requests, connect_failures) = state.counts();
                    EndpointStatus {
                        address: endpoint.address,
                        healthy: endpoint.healthy,
                        ejected: state.is_ejected(),
                        weight: endpoint.weight,
                        active: active.into(),
                        requests,
                        connect_failures,
                    }
                })
                .collect(),
        }
    }
}

/// Adds up what the workers see and writes it line by line as Envoy does: `CLUSTER::ADDRESS::KEY::VALUE`.
pub(crate) fn render_clusters(workers: Vec<Vec<ClusterStatus>>) -> String {
    let mut workers = workers.into_iter();
    let mut sum = workers.next().unwrap_or_default();
    for cluster in workers.flatten() {
        let Some(have) = sum.iter_mut().find(|have| have.name == cluster.name) else {
            continue;
        };
        for (have, more) in have.endpoints.iter_mut().zip(&cluster.endpoints) {
            have.active += more.active;
            have.requests += more.requests;
            have.connect_failures += more.connect_failures;
        }
    }
    sum.sort_by(|a, b| a.name.cmp(&b.name));
    let mut out = String::new();
    for cluster in &sum {
        for endpoint in &cluster.endpoints {
            let health = match (endpoint.healthy, endpoint.ejected) {
                (true, false) => "healthy",
                (true, true) => "/failed_outlier_check",
                (false, false) => "/failed_eds_health",
                (false, true) => "/failed_outlier_check/failed_eds_health",
            };
            let values: [(&str, &dyn std::fmt::Display); 5] = [
                ("rq_active", &endpoint.active),
                ("rq_total", &endpoint.requests),
                ("cx_connect_fail", &endpoint.connect_failures),
                ("health_flags", &health),
                ("weight", &endpoint.weight),
            ];
            for (key, value) in values {
                let _ = writeln!(out, "{}::{}::{key}::{value}", cluster.name, endpoint.address);
            }
        }
    }
    out
}

/// Ejections, and what circuit breakers refused, by Envoy's names; only clusters where there was some.
pub(crate) fn render_breakers(clusters: &BTreeMap<Arc<str>, Arc<ClusterConfig>>) -> String {
    let mut families: BTreeMap<(&str, &str), Vec<(&str, u64)>> = BTreeMap::new();
    for (name, cluster) in clusters {
        let mut refused: BTreeMap<&str, u64> = BTreeMap::new();
        for bound in Bound::ALL {
            *refused.entry(bound.metric()).or_default() += cluster.breaker.refused(bound);
        }
        let refused = refused
            .into_iter()
            .map(|(metric, count)| ((metric, "counter"), count));
        let outliers = &cluster.outliers;
        let ejections = (
            (
                "envoy_cluster_outlier_detection_ejections_enforced_total",
                "counter",
            ),
            outliers.ejections(),
        );
        for (family, count) in refused.chain([ejections]).filter(|(_, count)| *count > 0) {
            families.entry(family).or_default().push((name, count));
        }
        if outliers.ejections() > 0 {
            let active = ("envoy_cluster_outlier_detection_ejections_active", "gauge");
            families
                .entry(active)
                .or_default()
                .push((name, outliers.ejected().into()));
        }
    }
    let mut out = String::new();
    for ((family, kind), values) in families {
        let _ = writeln!(out, "# TYPE {family} {kind}");
        for (cluster, value) in values {
            let _ = writeln!(out, "{family}{{envoy_cluster_name=\"{cluster}\"}} {value}");
        }
    }
    out
}

/// How the proxy stands with its control plane: shared by the ADS loop, which writes, and the admin address.
#[derive(Debug)]
pub struct Status {
    node_id: String,
    started: Instant,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    connected: bool,
    /// Everything that the control plane announced is there.
    ready: bool,
    draining: bool,
    /// What could not be done, in words.
    problems: Vec<String>,
    sync: Vec<(ResourceKind, Option<String>, Option<String>)>,
}

impl Status {
    /// A proxy that has just started.
    pub fn new(node_id: &str) -> Self {
        Self {
            node_id: node_id.to_owned(),
            started: Instant::now(),
            now: Mutex::default(),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.now().connected = connected;
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.now().ready = ready;
    }

    /// The proxy accepts nothing more.
    pub fn set_draining(&self) {
        self.now().draining = true;
    }

    pub(crate) fn set_sync(&self, sync: [(ResourceKind, Option<String>, Option<String>); 5]) {
        self.now().sync = sync.into();
    }

    pub(crate) fn set_problems(&self, problems: Vec<String>) {
        let mut now = self.now();
        if now.problems != problems {
            problems.iter().for_each(|problem| tracing::warn!("{problem}"));
        }
        now.problems = problems;
    }

    pub(crate) fn has_problems(&self) -> bool {
        !self.now().problems.is_empty()
    }

    /// `Ok` when requests can come; else what is waited for, in words.
    pub(crate) fn readiness(&self) -> Result<(), String> {
        let now = self.now();
        if now.draining {
            return Err("draining".to_owned());
        }
        if !now.problems.is_empty() {
            return Err(now.problems.join("\n"));
        }
        match (now.ready, now.connected) {
            (true, _) => Ok(()),
            (false, true) => Err("waiting for listeners, clusters, routes or secrets".to_owned()),
            (false, false) => Err("waiting for the control plane".to_owned()),
        }
    }

    /// Envoy's `/server_info`, as far as it applies, and what the control plane sent.
    pub(crate) fn server_info(&self) -> serde_json::Value {
        let readiness = self.readiness();
        let now = self.now();
        let state = match readiness {
            _ if now.draining => "DRAINING",
            Ok(()) => "LIVE",
            Err(_) => "PRE_INITIALIZING",
        };
        let sync = now.sync.iter().map(|(kind, version, refusal)| {
            let entry = serde_json::json!({ "version": version, "refused": refusal });
            (kind.short().to_owned(), entry)
        });
        serde_json::json!({
            "version": concat!("vigla-proxy/", env!("CARGO_PKG_VERSION")),
            "state": state,
            "uptime_seconds": self.started.elapsed().as_secs(),
            "node": { "id": self.node_id },
            "control_plane_connected": now.connected,
            "problems": now.problems,
            "sync": sync.collect::<serde_json::Map<_, _>>(),
        })
    }
}
