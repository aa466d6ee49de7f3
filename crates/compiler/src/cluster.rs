//! Clusters and their endpoints: each visible service's ports, whole and by subset.

mod entry;

use std::{collections::BTreeSet, sync::Arc};

use vigla_config::{AppProtocol, DestinationPolicy, Instance, MtlsMode, Service, ServicePort, TlsMode};
use vigla_dataplane::{Balancer, Cluster, Discovery, Endpoint, Endpoints, HttpVersion, UpstreamTls};
use vigla_model::{Labels, Origin};

use crate::{
    context::{Context, is_gateway},
    names,
    policy::{self, InEffect},
};

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
                    let Some((discovery, endpoints)) = discovery(context, service, port, labels) else {
                        return;
                    };
                    let mut cluster = cluster(context, service, port, subset, policy.as_ref(), name, origin);
                    cluster.discovery = discovery;
                    context.add_cluster(cluster, endpoints);
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
    let in_effect = InEffect {
        policy,
        port: port.port,
        subset,
    };
    Cluster {
        discovery: Discovery::Eds,
        balancer: balancer(context, port, subset, policy),
        connect_timeout: in_effect.connect_timeout(),
        connection_pool: in_effect.connection_pool(),
        outlier: in_effect.outlier(),
        tls: tls(context, service, port, subset, policy),
        service: Some(service.fqdn.clone()),
        protocol: port.protocol.protocol(),
        http: in_effect.http_version(http_version(port.protocol)),
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
    let in_effect = policy.and_then(|policy| policy.load_balancer(port.port, subset));
    let Some((rule, written)) = in_effect else {
        return Balancer::LeastRequest;
    };
    if let Some(hash) = written.consistent_hash() {
        return match hash.maglev() {
            Some(entries) => Balancer::Maglev { entries },
            None => Balancer::RingHash {
                entries: hash.ring_entries(),
            },
        };
    }
    let Some((word, node)) = written.simple() else {
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
    let mut sni = None;
    let auto = match policy.and_then(|policy| policy.tls_mode(port.port, subset)) {
        Some((TlsMode::Disable, ..)) => return UpstreamTls::None,
        Some((mode @ (TlsMode::Simple | TlsMode::Mutual), ..)) => {
            let written = policy.and_then(|policy| policy.tls(port.port, subset));
            let (rule, written) = written.expect("its mode was read from it");
            let entry = context.mesh.entry_service(&service.fqdn);
            let names = entry.map_or(&[][..], |entry| &entry.subject_alt_names);
            return policy::origination(context, rule, written, service, names, mode == TlsMode::Mutual);
        }
        Some((TlsMode::IstioMutual, ..)) => {
            let written = policy.and_then(|policy| policy.tls(port.port, subset));
            sni = written.and_then(|(_, tls)| tls.written("sni")).map(Arc::from);
            false
        }
        None => true,
    };
    let principals = match context.mesh.entry_service(&service.fqdn) {
        Some(entry) if is_entry(service) => context.mesh.principals_of_entry(entry),
        _ => context.mesh.principals_behind(service).to_vec(),
    };
    if principals.is_empty() {
        // Nobody of the mesh is behind it, so no certificate of the mesh can answer.
        return UpstreamTls::None;
    }
    UpstreamTls::Mesh {
        auto,
        sni: sni.unwrap_or_else(|| names::sni(port.port, subset, service.fqdn.as_str())),
        principals,
    }
}

/// Whether a service stands in a ServiceEntry.
fn is_entry(service: &Service) -> bool {
    service.object.kind() == "ServiceEntry"
}

/// How endpoints are found, with those that are known; `None` when they cannot be.
fn discovery(
    context: &mut Context<'_, '_>,
    service: &Service,
    port: &ServicePort,
    labels: &Labels,
) -> Option<(Discovery, Option<Endpoints>)> {
    let mesh = context.mesh;
    match mesh.entry_service(&service.fqdn) {
        Some(entry) if is_entry(service) => entry::discovery(context, entry, port, labels),
        _ => {
            let found = mesh.endpoints(service, port, labels);
            let endpoints = found
                .into_iter()
                .map(|found| endpoint(context, found.instance, found.container_port))
                .collect();
            Some((Discovery::Eds, Some(Endpoints { endpoints })))
        }
    }
}

/// An instance's port.
fn endpoint(context: &Context<'_, '_>, instance: &Instance, container_port: u16) -> Endpoint {
    let mesh = context.mesh;
    let mode = mesh
        .peer_authentication(&instance.namespace, &instance.labels, container_port)
        .mode;
    Endpoint {
        address: instance.endpoint(container_port),
        identity: mesh.identity(instance),
        // A gateway's listeners are for callers from outside; DISABLE takes plain text only.
        mesh_tls: instance.sidecar.is_some() && !is_gateway(instance) && mode != MtlsMode::Disable,
        weight: 1,
        healthy: instance.ready,
    }
}
