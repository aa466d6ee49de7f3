//! What every step of one compilation needs.

use std::time::Duration;

use vigla_config::{Capture, Instance, Service, Snapshot};
use vigla_dataplane::{
    Balancer, Cluster, ConnectionPool, Discovery, Endpoint, Endpoints, FilterChain, HttpVersion, Listener,
    Network, Plan, RouteTable, Telemetry, Tracing, UpstreamTls,
};
use vigla_model::{Fqdn, Origin, PeerIdentity, Protocol, Reporter};

use crate::{Compiled, Parts, Problem, Settings, names};

pub(crate) struct Context<'a, 'p> {
    pub(crate) mesh: &'a Snapshot,
    /// The proxy's own instance.
    pub(crate) instance: &'a Instance,
    identity: PeerIdentity,
    /// Spans for listeners with requests.
    tracing: Option<Tracing>,
    parts: &'p mut Parts,
    compiled: Compiled,
}

/// Whether an instance's proxy is a gateway: it has nothing to take from or give to an application.
pub(crate) fn is_gateway(instance: &Instance) -> bool {
    instance
        .sidecar
        .as_ref()
        .is_some_and(|capture| *capture == Capture::default())
}

impl<'a, 'p> Context<'a, 'p> {
    pub(crate) fn new(
        mesh: &'a Snapshot,
        instance: &'a Instance,
        settings: &Settings,
        parts: &'p mut Parts,
    ) -> Self {
        let tracing = settings.tracing.map(|tracing| Tracing {
            sampling: mesh
                .trace_sampling(&instance.namespace, &instance.labels)
                .unwrap_or(tracing.sampling),
            collector: tracing.collector,
            service: names::traced_service(instance),
        });
        Self {
            tracing,
            mesh,
            instance,
            identity: mesh.identity(instance),
            parts,
            compiled: Compiled::default(),
        }
    }

    /// Services that proxies of this namespace see, the own namespace's first: their short names win.
    pub(crate) fn visible_services(&self) -> Vec<&'a Service> {
        let mesh = self.mesh;
        let own = &self.instance.namespace;
        let entries = mesh.entry_services().iter().map(|entry| &entry.service);
        // A Service counts before an entry for the same host.
        let entries = entries.filter(|service| mesh.service(&service.fqdn).is_none());
        let (near, far): (Vec<_>, Vec<_>) = mesh
            .services()
            .iter()
            .chain(entries)
            .filter(|service| service.is_visible_in(own))
            .partition(|service| service.namespace == *own);
        near.into_iter().chain(far).collect()
    }

    pub(crate) fn telemetry(&self, reporter: Reporter, service: Option<Fqdn>) -> Telemetry {
        Telemetry {
            reporter,
            local: self.identity.clone(),
            service,
        }
    }

    pub(crate) fn identity(&self) -> &PeerIdentity {
        &self.identity
    }

    pub(crate) fn problem(&mut self, origin: Origin, message: impl Into<String>) {
        let problem = Problem {
            origin,
            message: message.into(),
        };
        // A rule is compiled once for every port and host.
        if !self.compiled.problems.contains(&problem) {
            self.compiled.problems.push(problem);
        }
    }

    /// Adds a listener; one with requests makes spans.
    pub(crate) fn add_listener(&mut self, mut listener: Listener) {
        let is_http = |chain: &FilterChain| matches!(chain.network, Network::Http(_));
        if let Some(tracing) = self.tracing.clone()
            && listener.chains.iter().any(is_http)
        {
            self.add_collector(&tracing);
            listener.tracing = Some(tracing);
        }
        let listener = self.parts.listener(listener);
        self.compiled
            .plan
            .listeners
            .insert(listener.name.clone(), listener);
    }

    pub(crate) fn add_table(&mut self, table: RouteTable) {
        let table = self.parts.table(table);
        self.compiled.plan.route_tables.insert(table.name.clone(), table);
    }

    pub(crate) fn add_cluster(&mut self, cluster: Cluster, endpoints: Option<Endpoints>) {
        let cluster = self.parts.cluster(cluster);
        if let Some(endpoints) = endpoints {
            let endpoints = self.parts.endpoints(&cluster.name, endpoints);
            self.compiled
                .plan
                .endpoints
                .insert(cluster.name.clone(), endpoints);
        }
        self.compiled.plan.clusters.insert(cluster.name.clone(), cluster);
    }

    /// The cluster by which an Envoy reaches the collector of spans.
    fn add_collector(&mut self, tracing: &Tracing) {
        let name = Tracing::cluster(tracing.collector);
        if self.compiled.plan.clusters.contains_key(&name) {
            return;
        }
        let cluster = Cluster {
            name,
            discovery: Discovery::Static(vec![Endpoint {
                address: tracing.collector,
                identity: PeerIdentity::default(),
                mesh_tls: false,
                weight: 1,
                healthy: true,
            }]),
            balancer: Balancer::RoundRobin,
            // Spans are lost rather than waited for.
            connect_timeout: Duration::from_secs(1),
            connection_pool: ConnectionPool::default(),
            outlier: None,
            tls: UpstreamTls::None,
            service: None,
            protocol: Protocol::Grpc,
            http: HttpVersion::Http2,
            origin: None,
        };
        self.add_cluster(cluster, None);
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.compiled.plan
    }

    pub(crate) fn finish(self) -> Compiled {
        self.compiled
    }
}
