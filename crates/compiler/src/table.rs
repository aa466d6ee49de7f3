//! Route tables of sidecars: the hosts that they can call on a port.

use std::{collections::HashSet, sync::Arc};

use vigla_config::{Attachment, Service, ServicePort, VirtualService};
use vigla_dataplane::{Route, RouteTable, VirtualHost};
use vigla_model::Fqdn;

use crate::{
    context::Context,
    route::{self, Scene},
    unregistered,
};

/// Port at which hosts are routed that no service has, as in Istio.
const PORT_OF_UNKNOWN_HOSTS: u16 = 80;

/// The table for a port, named by it.
pub(crate) fn build(context: &mut Context<'_, '_>, port: u16, attachment: Attachment<'_>) -> RouteTable {
    let mut table = Table::default();
    let own = &context.instance.namespace;
    for service in context.visible_services() {
        let Some(service_port) = service.port(port).filter(|port| port.protocol.is_http()) else {
            continue;
        };
        let rules = context.mesh.virtual_services(&service.fqdn, own, attachment);
        let routes = match rules.iter().find(|rule| rule.http().next().is_some()) {
            Some(rule) => {
                let scene = Scene {
                    port,
                    attachment,
                    host: Some(&service.fqdn),
                };
                route::build(context, *rule, &scene)
            }
            None => vec![route::default_route(context, service, service_port)],
        };
        table.add(
            service.fqdn.as_str(),
            port,
            service_domains(context, service, service_port),
            routes,
        );
    }
    if port == PORT_OF_UNKNOWN_HOSTS {
        for rule in context.mesh.all_virtual_services() {
            add_unknown_hosts(context, &mut table, rule, port, attachment);
        }
    }
    let (name, route) = unregistered::route(context);
    table.hosts.push(VirtualHost {
        name: name.into(),
        domains: vec!["*".into()],
        routes: vec![route],
    });
    RouteTable {
        name: port.to_string().into(),
        virtual_hosts: table.hosts,
    }
}

/// Hosts of a VirtualService that are no services.
fn add_unknown_hosts(
    context: &mut Context<'_, '_>,
    table: &mut Table,
    rule: VirtualService<'_>,
    port: u16,
    attachment: Attachment<'_>,
) {
    let own = &context.instance.namespace;
    for written in rule.hosts().filter_map(vigla_config::Node::text) {
        let host = context.mesh.resolve(written, rule.namespace());
        let chosen = context.mesh.virtual_services(&host, own, attachment);
        let decides = chosen
            .first()
            .is_some_and(|first| first.object().object_ref() == rule.object().object_ref());
        // A lone `*` would take every host, also those of other ports' services.
        if !decides || host.as_str() == "*" || context.mesh.any_service(&host).is_some() {
            continue;
        }
        let scene = Scene {
            port,
            attachment,
            host: None,
        };
        let routes = route::build(context, rule, &scene);
        table.add(host.as_str(), port, with_port(host.as_str(), &[port]), routes);
    }
}

/// Virtual hosts in which every domain stands once: the first that has it keeps it.
#[derive(Default)]
pub(crate) struct Table {
    hosts: Vec<VirtualHost>,
    taken: HashSet<Arc<str>>,
}

impl Table {
    pub(crate) fn add(&mut self, host: &str, port: u16, domains: Vec<Arc<str>>, routes: Vec<Route>) {
        let free: Vec<Arc<str>> = domains
            .into_iter()
            .filter(|domain| self.taken.insert(Arc::clone(domain)))
            .collect();
        if !free.is_empty() {
            let name = format!("{host}:{port}").into();
            self.hosts.push(VirtualHost {
                name,
                domains: free,
                routes,
            });
        }
    }

    pub(crate) fn into_hosts(self) -> Vec<VirtualHost> {
        self.hosts
    }
}

/// A host, alone and with each of these ports.
pub(crate) fn with_port(host: &str, ports: &[u16]) -> Vec<Arc<str>> {
    let mut domains: Vec<Arc<str>> = vec![host.into()];
    if host != "*" {
        domains.extend(ports.iter().map(|port| format!("{host}:{port}").into()));
    }
    domains
}

/// All names under which the proxy's application may call a service: as its DNS search path would have it.
fn service_domains(context: &Context<'_, '_>, service: &Service, port: &ServicePort) -> Vec<Arc<str>> {
    if service.object.kind() == "ServiceEntry" {
        let entry = context.mesh.entry_service(&service.fqdn);
        let addresses = entry.into_iter().flat_map(|entry| &entry.addresses);
        // A range is no authority.
        let addresses = addresses.filter(|address| !address.contains('/'));
        return std::iter::once(service.fqdn.as_str())
            .chain(addresses.map(|address| &**address))
            .flat_map(|host| with_port(host, &[port.port]))
            .collect();
    }
    let (name, namespace) = (service.name.as_str(), service.namespace.as_str());
    let mut hosts = vec![
        service.fqdn.as_str().to_owned(),
        format!("{name}.{namespace}.svc"),
        format!("{name}.{namespace}"),
    ];
    if service.namespace == context.instance.namespace {
        hosts.push(name.to_owned());
    }
    let hosts = hosts.iter().map(|host| host.to_ascii_lowercase());
    hosts.flat_map(|host| with_port(&host, &[port.port])).collect()
}

/// The service that a destination's host means, for the port that it listens on.
pub(crate) fn port_of(service: Option<&Service>, written: Option<u16>, listener: u16) -> u16 {
    match (written, service.map(|service| service.ports.as_slice())) {
        (Some(port), _) => port,
        (None, Some([only])) => only.port,
        (None, _) => listener,
    }
}

/// The fully qualified host of a destination.
pub(crate) fn destination_host(context: &Context<'_, '_>, rule: VirtualService<'_>, written: &str) -> Fqdn {
    context.mesh.resolve(written, rule.namespace())
}
