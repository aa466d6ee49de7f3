//! Endpoints of hosts that stand in ServiceEntries.

use std::net::{IpAddr, SocketAddr};

use vigla_config::{EntryEndpoint, EntryService, Resolution, ServiceEntry, ServicePort, TargetPort};
use vigla_dataplane::{Discovery, DnsEndpoint, Endpoint, Endpoints};
use vigla_model::{Labels, PeerIdentity, Principal};

use crate::context::Context;

/// How endpoints are found, with those that are known; `None` when they cannot be.
pub(super) fn discovery(
    context: &mut Context<'_, '_>,
    entry: &EntryService,
    port: &ServicePort,
    labels: &Labels,
) -> Option<(Discovery, Option<Endpoints>)> {
    let chosen: Vec<&EntryEndpoint> = entry
        .endpoints
        .iter()
        .filter(|endpoint| {
            labels
                .iter()
                .all(|(key, value)| endpoint.labels.get(key) == Some(value))
        })
        .collect();
    match entry.resolution {
        Resolution::Static => Some((Discovery::Eds, Some(fixed(context, entry, port, labels, &chosen)))),
        Resolution::Dns if !entry.endpoints.is_empty() => {
            let names = chosen.into_iter().map(|endpoint| DnsEndpoint {
                host: endpoint.address.clone(),
                port: endpoint.port(port),
                identity: identity(context, entry, endpoint),
                weight: endpoint.weight,
            });
            Some((Discovery::Dns(names.collect()), None))
        }
        // Nothing tells where a caller wanted to go; where its host leads by DNS is the same for hosts without `*`.
        Resolution::Dns | Resolution::None => by_host(context, entry, port),
    }
}

fn by_host(
    context: &mut Context<'_, '_>,
    entry: &EntryService,
    port: &ServicePort,
) -> Option<(Discovery, Option<Endpoints>)> {
    let host = entry.service.fqdn.as_str();
    if host.starts_with('*') {
        let object = &entry.service.object;
        let node = ServiceEntry::of(object)
            .and_then(|_| object.spec()?.get("hosts"))
            .unwrap_or(object.root());
        let message = format!("`{host}` stands for hosts that nobody can look up; calls of them fail");
        context.problem(object.origin_of(node), message);
        return None;
    }
    let name = DnsEndpoint {
        host: host.into(),
        port: match port.target {
            TargetPort::Number(number) => number,
            TargetPort::Name(_) => port.port,
        },
        identity: PeerIdentity::default(),
        weight: 1,
    };
    Some((Discovery::Dns(vec![name]), None))
}

fn fixed(
    context: &mut Context<'_, '_>,
    entry: &EntryService,
    port: &ServicePort,
    labels: &Labels,
    chosen: &[&EntryEndpoint],
) -> Endpoints {
    let mut endpoints = Vec::new();
    for endpoint in chosen {
        let Ok(address) = endpoint.address.parse::<IpAddr>() else {
            let message = format!(
                "`{}` is no IP address, which STATIC asks for; it is left out",
                endpoint.address
            );
            context.problem(entry.service.object.origin(), message);
            continue;
        };
        endpoints.push(Endpoint {
            address: SocketAddr::new(address, endpoint.port(port)),
            identity: identity(context, entry, endpoint),
            // As in Istio: where a sidecar runs is not known of what is only written.
            mesh_tls: endpoint
                .labels
                .get("security.istio.io/tlsMode")
                .map(String::as_str)
                == Some("istio"),
            weight: endpoint.weight,
            healthy: true,
        });
    }
    let mesh = context.mesh;
    let running = mesh.instances_of_entry(entry).filter(|instance| {
        labels
            .iter()
            .all(|(key, value)| instance.labels.get(key) == Some(value))
    });
    endpoints.extend(running.filter_map(|instance| {
        let container_port = mesh.container_port(instance, port)?;
        Some(super::endpoint(context, instance, container_port))
    }));
    Endpoints { endpoints }
}

/// Who answers at an endpoint; nobody that is known, unless it has a service account of the mesh.
fn identity(context: &Context<'_, '_>, entry: &EntryService, endpoint: &EntryEndpoint) -> PeerIdentity {
    if endpoint.service_account.is_empty() {
        return PeerIdentity::default();
    }
    let namespace = &entry.service.namespace;
    let trust_domain = &context.mesh.settings().trust_domain;
    PeerIdentity {
        namespace: Some(namespace.clone()),
        app: vigla_config::app_of(&endpoint.labels),
        version: vigla_config::version_of(&endpoint.labels),
        principal: Some(Principal::new(
            trust_domain,
            namespace.as_str(),
            &endpoint.service_account,
        )),
        ..PeerIdentity::default()
    }
}
