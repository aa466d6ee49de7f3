//! The plan of a gateway: a listener for every port of its Gateways' servers, and the routes attached to them.

mod server;
mod tls;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use vigla_config::{Gateway, Node, Server, VirtualService};
use vigla_dataplane::{
    ChainMatch, Direction, FilterChain, HeaderEdits, Listener, Network, Plan, Redirect, Route, RouteAction,
    RouteMatch, RouteSource, RouteTable,
};
use vigla_model::{Namespace, Reporter};

use crate::{
    authorization::{self, Place},
    cluster,
    context::Context,
    rate_limit::{self, Side},
    route::{self, Scene},
    table::{Table, with_port},
};
use server::{Kind, Served};

pub(crate) fn build(context: &mut Context<'_, '_>) {
    let instance = context.instance;
    let mut ports: BTreeMap<u16, Vec<Served<'_>>> = BTreeMap::new();
    for gateway in context.mesh.gateways_of(&instance.labels) {
        for server in gateway.servers() {
            let Some(port) = server.port() else {
                let message = "the server has no port; it is left out";
                context.problem(gateway.origin(server.node()), message);
                continue;
            };
            if let Some(kind) = server::kind(context, gateway, server) {
                ports.entry(port).or_default().push(Served {
                    gateway,
                    server,
                    port,
                    kind,
                });
            }
        }
    }
    for (port, servers) in ports {
        listener(context, port, servers);
    }
    let called = called_clusters(context.plan());
    cluster::build_outbound(context, Some(&called));
}

/// The container's port behind a server's port: what the gateway's Service says, else the same number.
fn target_port(context: &Context<'_, '_>, port: u16) -> u16 {
    let (mesh, instance) = (context.mesh, context.instance);
    mesh.services_selecting(&instance.namespace, &instance.labels)
        .find_map(|service| mesh.container_port(instance, service.port(port)?))
        .unwrap_or(port)
}

fn listener(context: &mut Context<'_, '_>, port: u16, servers: Vec<Served<'_>>) {
    let target = target_port(context, port);
    let first = &servers[0];
    let origin = Some(first.origin());
    let (first_object, first_family) = (first.gateway.object().object_ref().clone(), first.family());
    // One socket speaks one of plain HTTP, TLS and bytes: the first server decides, as in Istio.
    let (served, others): (Vec<_>, Vec<_>) = servers
        .into_iter()
        .partition(|served| served.family() == first_family);
    for other in others {
        let message = format!("port {port} is served another way by {first_object}; the server is left out");
        context.problem(other.origin(), message);
    }
    let chains = match first_family {
        server::Family::Http => vec![plain(context, port, target, &served)],
        server::Family::Tls => tls::chains(context, target, &served),
        server::Family::Bytes => tls::plain_bytes(context, target, &served),
    };
    if chains.is_empty() {
        return;
    }
    context.add_listener(Listener {
        name: format!("gateway|{port}").into(),
        address: context.instance.endpoint(target),
        direction: Direction::Gateway,
        chains,
        telemetry: context.telemetry(Reporter::Source, None),
        tracing: None,
        origin,
    });
}

/// The chain of plain HTTP: one table for the hosts of all servers of the port.
fn plain(context: &mut Context<'_, '_>, port: u16, target: u16, served: &[Served<'_>]) -> FilterChain {
    let name: Arc<str> = format!("http.{port}").into();
    FilterChain {
        name: "plaintext".into(),
        matches: ChainMatch::default(),
        tls: None,
        authorization: authorize(context, target, true),
        rate_limit: rate_limit::build(context, Side::Gateway, port),
        network: http(context, name, port, target, served),
        origin: Some(served[0].origin()),
    }
}

/// HTTP by a table of its own.
fn http(
    context: &mut Context<'_, '_>,
    name: Arc<str>,
    port: u16,
    target: u16,
    served: &[Served<'_>],
) -> Network {
    let virtual_hosts = virtual_hosts(context, port, target, served);
    context.add_table(RouteTable {
        name: Arc::clone(&name),
        virtual_hosts,
    });
    Network::Http(RouteSource::Named(name))
}

fn authorize(
    context: &mut Context<'_, '_>,
    target: u16,
    is_http: bool,
) -> Option<Arc<vigla_dataplane::Authorization>> {
    let place = Place {
        port: target,
        listens: context.instance.endpoint(target),
        is_http,
    };
    authorization::build(context, place)
}

/// Hosts in order of their first VirtualService, with the routes of all that name them.
fn virtual_hosts(
    context: &mut Context<'_, '_>,
    port: u16,
    target: u16,
    servers: &[Served<'_>],
) -> Vec<vigla_dataplane::VirtualHost> {
    let mut order: Vec<String> = Vec::new();
    let mut routes: BTreeMap<String, Vec<Route>> = BTreeMap::new();
    // A VirtualService may come to the same host by several servers; its routes stand once.
    let mut done = BTreeSet::new();
    for served in servers {
        let (gateway, server) = (served.gateway, served.server);
        let attachment = served.attachment();
        if server.tls().is_some_and(vigla_config::ServerTls::https_redirect) {
            for host in server.hosts().filter_map(Node::text) {
                let host = host
                    .split_once('/')
                    .map_or(host, |(_, host)| host)
                    .to_ascii_lowercase();
                note(&mut order, &host);
                routes.entry(host).or_default().push(to_https(gateway, server));
            }
            continue;
        }
        for rule in context
            .mesh
            .virtual_services_of_gateway(gateway.namespace(), gateway.object().name())
        {
            for host in shared_hosts(server, gateway.namespace(), rule) {
                if !done.insert((rule.object().object_ref().clone(), host.clone())) {
                    continue;
                }
                note(&mut order, &host);
                let scene = Scene {
                    port,
                    attachment,
                    host: None,
                };
                let more = route::build(context, rule, &scene);
                routes.entry(host).or_default().extend(more);
            }
        }
    }
    let mut table = Table::default();
    for host in order {
        let routes = routes.remove(&host).unwrap_or_default();
        table.add(&host, port, with_port(&host, &[port, target]), routes);
    }
    table.into_hosts()
}

fn note(order: &mut Vec<String>, host: &str) {
    if !order.iter().any(|known| known == host) {
        order.push(host.to_owned());
    }
}

fn to_https(gateway: Gateway<'_>, server: Server<'_>) -> Route {
    Route {
        name: "https-redirect".into(),
        matches: RouteMatch::default(),
        action: RouteAction::Redirect(Redirect {
            status: 301,
            scheme: Some("https".into()),
            host: None,
            port: None,
            path: None,
        }),
        service: None,
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        origin: Some(gateway.origin(server.tls().map_or(server.node(), vigla_config::ServerTls::node))),
    }
}

/// Hosts that both a server and a VirtualService have; of two that overlap the narrower one.
fn shared_hosts(server: Server<'_>, home: &Namespace, rule: VirtualService<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for written in rule.hosts().filter_map(Node::text) {
        for offered in server.hosts().filter_map(Node::text) {
            let (namespace, offered) = offered.split_once('/').unwrap_or(("*", offered));
            let allowed = match namespace {
                "*" => true,
                "." => rule.namespace() == home,
                namespace => *rule.namespace() == *namespace,
            };
            let shared =
                allowed.then(|| narrower(&written.to_ascii_lowercase(), &offered.to_ascii_lowercase()));
            found.extend(shared.flatten().filter(|host| !found.contains(host)));
        }
    }
    found
}

/// The narrower of two hosts with or without `*`, when they have hosts in common.
fn narrower(a: &str, b: &str) -> Option<String> {
    let covers = |wide: &str, narrow: &str| match wide.strip_prefix('*') {
        Some(suffix) => narrow.strip_prefix('*').unwrap_or(narrow).ends_with(suffix),
        None => wide == narrow,
    };
    if covers(b, a) {
        Some(a.to_owned())
    } else {
        covers(a, b).then(|| b.to_owned())
    }
}

/// Names of the clusters that routes send to: all that a gateway can call.
fn called_clusters(plan: &Plan) -> BTreeSet<Arc<str>> {
    let chains = plan.listeners.values().flat_map(|listener| &listener.chains);
    let of_bytes = chains.filter_map(|chain| match &chain.network {
        Network::Tcp { clusters } => Some(clusters.iter().map(|cluster| cluster.cluster.clone())),
        Network::Http(_) => None,
    });
    let hosts = plan.route_tables.values().flat_map(|table| &table.virtual_hosts);
    let of_requests = hosts
        .flat_map(|host| &host.routes)
        .filter_map(|route| match &route.action {
            RouteAction::Forward(forward) => Some(forward),
            _ => None,
        })
        .flat_map(|forward| {
            let mirrors = forward.mirrors.iter().map(|mirror| &mirror.cluster);
            forward
                .clusters
                .iter()
                .map(|cluster| &cluster.cluster)
                .chain(mirrors)
        })
        .cloned();
    of_requests.chain(of_bytes.flatten()).collect()
}
