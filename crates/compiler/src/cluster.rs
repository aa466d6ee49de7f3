//! Clusters and their endpoints: each visible service's ports, whole and by subset.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use vigla_config::{AppProtocol, DestinationPolicy, MtlsMode, Service, ServicePort, TlsMode};
use vigla_dataplane::{
    Balancer, Cluster, ConnectionPool, Discovery, Endpoint, Endpoints, HttpVersion, UpstreamTls,
};
use vigla_model::{Labels, Origin};

use crate::{
    context::{Context, is_gateway},
    names,
};

/// Istio's default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Adds the clusters of all visible services; with `only`, those of these names.
pub(crate) fn build_outbound(context: &mut Context<'_, '_>, only: Option<&BTreeSet<Arc<str>>>) {
    for service in context.visible_services() {
        let own = context.instance;
        let policy = context
            .mesh
            .destination_rule_for(&service.fqdn, &own.namespace, Some(&own.labels));
        let subsets = policy
            .as_ref()
            .map(DestinationPolicy::subsets)
            .unwrap_or_default();
        for port in &service.ports {
            let mut add = |subset: Option<&str>, labels: &Labels, origin: Origin| {
                let name = names::cluster(port.port, subset, service.fqdn.as_str());
                if only.is_none_or(|only| only.contains(&name)) {
                    let cluster = cluster(context, service, port, subset, policy.as_ref(), name, origin);
                    let endpoints = endpoints(context, service, port, labels);
                    context.add_cluster(cluster, Some(endpoints));
                }
            };
            add(None, &Labels::new(), port.origin.clone());
            for (rule, subset) in &subsets {
                add(Some(subset.name()), &subset.labels(), rule.origin(subset.node()));
            }
        }
    }
}

fn cluster(
    context: &mut Context<'_, '_>,
    service: &Service,
    port: &ServicePort,
    subset: Option<&str>,
    policy: Option<&DestinationPolicy<'_>>,
    name: Arc<str>,
    origin: Origin,
) -> Cluster {
    Cluster {
        discovery: Discovery::Eds,
        balancer: balancer(context, port, subset, policy),
        connect_timeout: policy
            .and_then(|policy| policy.connect_timeout(port.port, subset))
            .unwrap_or(CONNECT_TIMEOUT),
        connection_pool: ConnectionPool::default(),
        outlier: None,
        tls: tls(context, service, port, subset, policy),
        service: Some(service.fqdn.clone()),
        protocol: port.protocol.protocol(),
        http: http_version(port.protocol),
        origin: Some(origin),
        name,
    }
}

/// What requests are sent in to a port that speaks this.
pub(crate) fn http_version(protocol: AppProtocol) -> HttpVersion {
    match protocol {
        AppProtocol::Http2 | AppProtocol::Grpc => HttpVersion::Http2,
        AppProtocol::Http | AppProtocol::Tcp => HttpVersion::Http1,
    }
}

fn balancer(
    context: &mut Context<'_, '_>,
    port: &ServicePort,
    subset: Option<&str>,
    policy: Option<&DestinationPolicy<'_>>,
) -> Balancer {
    let Some((word, rule, node)) = policy.and_then(|policy| policy.balancer(port.port, subset)) else {
        return Balancer::LeastRequest;
    };
    match word {
        "ROUND_ROBIN" => Balancer::RoundRobin,
        "RANDOM" => Balancer::Random,
        "LEAST_REQUEST" | "LEAST_CONN" | "UNSPECIFIED" => Balancer::LeastRequest,
        other => {
            let message = format!("`{other}` is not supported; LEAST_REQUEST is used");
            context.problem(rule.origin(node), message);
            Balancer::LeastRequest
        }
    }
}

fn tls(
    context: &mut Context<'_, '_>,
    service: &Service,
    port: &ServicePort,
    subset: Option<&str>,
    policy: Option<&DestinationPolicy<'_>>,
) -> UpstreamTls {
    let auto = match policy.and_then(|policy| policy.tls_mode(port.port, subset)) {
        Some((TlsMode::Disable, ..)) => return UpstreamTls::None,
        Some((TlsMode::Simple | TlsMode::Mutual, rule, node)) => {
            let message = "TLS of one's own towards a service is not supported; calls go in plain text";
            context.problem(rule.origin(node), message);
            return UpstreamTls::None;
        }
        Some((TlsMode::IstioMutual, ..)) => false,
        None => true,
    };
    let principals = context.mesh.principals_behind(service);
    if principals.is_empty() {
        // Nobody of the mesh is behind it, so no certificate of the mesh can answer.
        return UpstreamTls::None;
    }
    UpstreamTls::Mesh {
        auto,
        sni: names::sni(port.port, subset, service.fqdn.as_str()),
        principals: principals.to_vec(),
    }
}

fn endpoints(context: &Context<'_, '_>, service: &Service, port: &ServicePort, labels: &Labels) -> Endpoints {
    let mesh = context.mesh;
    let endpoints = mesh.endpoints(service, port, labels).into_iter().map(|found| {
        let instance = found.instance;
        let mode = mesh
            .peer_authentication(&instance.namespace, &instance.labels, found.container_port)
            .mode;
        Endpoint {
            address: found.address,
            identity: mesh.identity(instance),
            // A gateway's listeners are for callers from outside; DISABLE takes plain text only.
            mesh_tls: instance.sidecar.is_some() && !is_gateway(instance) && mode != MtlsMode::Disable,
            weight: 1,
            healthy: instance.ready,
        }
    });
    Endpoints {
        endpoints: endpoints.collect(),
    }
}
