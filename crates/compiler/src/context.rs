//! What every step of one compilation needs.

use vigla_config::{Capture, Instance, Service, Snapshot};
use vigla_dataplane::{Cluster, Endpoints, Listener, Plan, RouteTable, Telemetry};
use vigla_model::{Fqdn, Origin, PeerIdentity, Reporter};

use crate::{Compiled, Parts, Problem};

pub(crate) struct Context<'a, 'p> {
    pub(crate) mesh: &'a Snapshot,
    /// The proxy's own instance.
    pub(crate) instance: &'a Instance,
    identity: PeerIdentity,
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
    pub(crate) fn new(mesh: &'a Snapshot, instance: &'a Instance, parts: &'p mut Parts) -> Self {
        Self {
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
        let (near, far): (Vec<_>, Vec<_>) = mesh
            .services()
            .iter()
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

    pub(crate) fn add_listener(&mut self, listener: Listener) {
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

    pub(crate) fn plan(&self) -> &Plan {
        &self.compiled.plan
    }

    pub(crate) fn finish(self) -> Compiled {
        self.compiled
    }
}
