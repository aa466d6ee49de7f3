//! The plan of a sidecar: an outbound listener for every service port, an inbound one for every port of the
//! application.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use vigla_config::{AppProtocol, Attachment, Capture, MtlsMode, Service, ServicePort};
use vigla_dataplane::{
    Balancer, ChainMatch, Cluster, ConnectionPool, Direction, Discovery, DownstreamTls, Endpoint,
    FilterChain, Forward, HeaderEdits, Listener, Network, ROOTS_SECRET, Route, RouteAction, RouteMatch,
    RouteSource, RouteTable, UpstreamTls, VirtualHost, WORKLOAD_SECRET, WeightedCluster,
};
use vigla_model::{Fqdn, Origin, Reporter};

use crate::{
    authorization::{self, Place},
    cluster,
    context::Context,
    names,
    rate_limit::{self, Side},
    table, tcp,
};

pub(crate) fn build(context: &mut Context<'_, '_>, capture: &Capture) {
    for (&port, &address) in &capture.outbound {
        outbound(context, port, address);
    }
    for ((host, port), &address) in &capture.services {
        outbound_of_service(context, host, *port, address);
    }
    cluster::build_outbound(context, None);
    for (&port, &app) in &capture.app {
        inbound(context, port, app);
    }
}

fn outbound(context: &mut Context<'_, '_>, port: u16, address: SocketAddr) {
    let (requests, bytes): (Vec<_>, Vec<_>) = context
        .visible_services()
        .into_iter()
        .filter_map(|service| Some((service, service.port(port)?)))
        .partition(|(_, service_port)| service_port.protocol.is_http());
    // Only requests tell services of one port apart, by their Host; bytes would need the original destination.
    let chosen = if requests.is_empty() {
        bytes.first().copied()
    } else {
        None
    };
    let own_address = |service: &Service| {
        let capture = context.instance.sidecar.as_ref();
        capture.is_some_and(|capture| capture.services.contains_key(&(service.fqdn.clone(), port)))
    };
    let lost: Vec<_> = bytes
        .iter()
        .skip(usize::from(chosen.is_some()))
        .filter(|(service, _)| !own_address(service))
        .collect();
    for (service, service_port) in lost {
        let message = format!(
            "calls of {} on port {port} cannot be told from others; they are not routed",
            service.fqdn
        );
        context.problem(service_port.origin.clone(), message);
    }
    let (network, origin) = match chosen {
        Some((service, service_port)) => {
            let clusters = tcp::clusters(context, service, service_port);
            (Network::Tcp { clusters }, Some(service_port.origin.clone()))
        }
        None => {
            let table = table::build(context, port, Attachment::Mesh);
            let name = table.name.clone();
            context.add_table(table);
            (Network::Http(RouteSource::Named(name)), None)
        }
    };
    add_outbound(
        context,
        format!("outbound|{port}").into(),
        address,
        network,
        origin,
    );
}

/// A listener for the calls of one service only: who calls its address calls it.
fn outbound_of_service(context: &mut Context<'_, '_>, host: &Fqdn, port: u16, address: SocketAddr) {
    let visible = context.visible_services();
    let service = visible.into_iter().find(|service| service.fqdn == *host);
    let Some((service, service_port)) = service.and_then(|service| Some((service, service.port(port)?)))
    else {
        return;
    };
    let network = if service_port.protocol.is_http() {
        Network::Http(RouteSource::Named(port.to_string().into()))
    } else {
        let clusters = tcp::clusters(context, service, service_port);
        Network::Tcp { clusters }
    };
    let origin = Some(service_port.origin.clone());
    if service_port.protocol.is_http() && !context.plan().route_tables.contains_key(&*port.to_string()) {
        let table = table::build(context, port, Attachment::Mesh);
        context.add_table(table);
    }
    let name = format!("outbound|{port}|{host}").into();
    add_outbound(context, name, address, network, origin);
}

fn add_outbound(
    context: &mut Context<'_, '_>,
    name: Arc<str>,
    address: SocketAddr,
    network: Network,
    origin: Option<Origin>,
) {
    let rate_limit = match network {
        Network::Http(_) => rate_limit::build(context, Side::Outbound, address.port()),
        Network::Tcp { .. } => None,
    };
    let chain = FilterChain {
        name: "plaintext".into(),
        matches: ChainMatch::default(),
        tls: None,
        authorization: None,
        rate_limit,
        network,
        origin: None,
    };
    context.add_listener(Listener {
        name,
        address,
        direction: Direction::Outbound,
        chains: vec![chain],
        telemetry: context.telemetry(Reporter::Source, None),
        tracing: None,
        origin,
    });
}

fn inbound(context: &mut Context<'_, '_>, port: u16, app: SocketAddr) {
    let (mesh, instance) = (context.mesh, context.instance);
    let served: Vec<(Fqdn, &ServicePort)> = mesh
        .services_selecting(&instance.namespace, &instance.labels)
        .flat_map(|service| service.ports.iter().map(|port| (service.fqdn.clone(), port)))
        .filter(|(_, service_port)| mesh.container_port(instance, service_port) == Some(port))
        .collect();
    let hosts: BTreeSet<&Fqdn> = served.iter().map(|(host, _)| host).collect();
    let service = if hosts.len() == 1 {
        hosts.first().copied().cloned()
    } else {
        None
    };
    let protocol = match served.first() {
        Some((_, service_port)) => service_port.protocol,
        // No service says what is spoken: the container's own port name may.
        None => {
            let workload = mesh.workload(&instance.namespace, &instance.workload);
            let mut ports = workload.into_iter().flat_map(|workload| &workload.ports);
            let name = ports
                .find(|candidate| candidate.port == port)
                .and_then(|found| found.name.as_deref());
            AppProtocol::of(name, None)
        }
    };
    let origin = served
        .first()
        .map(|(_, service_port)| service_port.origin.clone());
    let name = names::inbound(port);
    context.add_cluster(
        Cluster {
            name: name.clone(),
            discovery: Discovery::Static(vec![Endpoint {
                address: app,
                identity: context.identity().clone(),
                mesh_tls: false,
                weight: 1,
                healthy: true,
            }]),
            balancer: Balancer::RoundRobin,
            connect_timeout: Duration::from_secs(10),
            connection_pool: ConnectionPool::default(),
            outlier: None,
            tls: UpstreamTls::None,
            service: service.clone(),
            protocol: protocol.protocol(),
            http: cluster::http_version(protocol),
            origin: origin.clone(),
        },
        None,
    );
    let network = if protocol.is_http() {
        Network::Http(RouteSource::Inline(Arc::new(inbound_table(
            name,
            service.clone(),
        ))))
    } else {
        Network::tcp(name)
    };
    let chains = inbound_chains(context, port, &network);
    context.add_listener(Listener {
        name: format!("inbound|{port}").into(),
        address: instance.endpoint(port),
        direction: Direction::Inbound,
        chains,
        telemetry: context.telemetry(Reporter::Destination, service),
        tracing: None,
        origin,
    });
}

fn inbound_chains(context: &mut Context<'_, '_>, port: u16, network: &Network) -> Vec<FilterChain> {
    let instance = context.instance;
    let place = Place {
        port,
        listens: instance.endpoint(port),
        is_http: matches!(network, Network::Http(_)),
    };
    let authorization = authorization::build(context, place);
    let rate_limit = match network {
        Network::Http(_) => rate_limit::build(context, Side::Inbound, port),
        Network::Tcp { .. } => None,
    };
    let policy = context
        .mesh
        .peer_authentication(&instance.namespace, &instance.labels, port);
    let chain = |secure: bool| FilterChain {
        name: if secure { "tls" } else { "plaintext" }.into(),
        matches: ChainMatch {
            tls: Some(secure),
            server_names: Vec::new(),
        },
        tls: secure.then(|| DownstreamTls {
            certificate: WORKLOAD_SECRET.into(),
            client_roots: Some(ROOTS_SECRET.into()),
        }),
        authorization: authorization.clone(),
        rate_limit: rate_limit.clone(),
        network: network.clone(),
        origin: policy.origin.clone(),
    };
    match policy.mode {
        MtlsMode::Strict => vec![chain(true)],
        MtlsMode::Permissive => vec![chain(true), chain(false)],
        MtlsMode::Disable => {
            // Everything is plain text here, also bytes that look like TLS: the application may speak it itself.
            vec![FilterChain {
                matches: ChainMatch::default(),
                ..chain(false)
            }]
        }
    }
}

fn inbound_table(cluster: Arc<str>, service: Option<Fqdn>) -> RouteTable {
    let destination = WeightedCluster {
        cluster: cluster.clone(),
        weight: 100,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: None,
    };
    let route = Route {
        name: "default".into(),
        matches: RouteMatch::default(),
        action: RouteAction::Forward(Forward {
            clusters: vec![destination],
            ..Forward::default()
        }),
        service,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: None,
    };
    RouteTable {
        name: cluster.clone(),
        virtual_hosts: vec![VirtualHost {
            name: cluster,
            domains: vec!["*".into()],
            routes: vec![route],
        }],
    }
}
