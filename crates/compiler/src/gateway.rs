//! The plan of a gateway: a listener for every port of its Gateways' servers, and the routes attached to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use vigla_config::{Attachment, Gateway, Node, Server, VirtualService};
use vigla_dataplane::{
    ChainMatch, Direction, DownstreamTls, FilterChain, HeaderEdits, Listener, Network, Plan, ROOTS_SECRET,
    Redirect, Route, RouteAction, RouteMatch, RouteSource, RouteTable, WORKLOAD_SECRET,
};
use vigla_model::{Namespace, Reporter};

use crate::{
    authorization::{self, Place},
    cluster,
    context::Context,
    route::{self, Scene},
    table::{Table, with_port},
};

pub(crate) fn build(context: &mut Context<'_, '_>) {
    let instance = context.instance;
    let mut ports: BTreeMap<u16, Vec<(Gateway<'_>, Server<'_>)>> = BTreeMap::new();
    for gateway in context.mesh.gateways_of(&instance.labels) {
        for server in gateway.servers() {
            match server.port() {
                Some(port) if is_served(server) => ports.entry(port).or_default().push((gateway, server)),
                Some(_) => {
                    let message = "only HTTP, and HTTPS with ISTIO_MUTUAL, is served; the server is left out";
                    context.problem(gateway.origin(server.node()), message);
                }
                None => context.problem(
                    gateway.origin(server.node()),
                    "the server has no port; it is left out",
                ),
            }
        }
    }
    for (port, servers) in ports {
        listener(context, port, &servers);
    }
    let called = called_clusters(context.plan());
    cluster::build_outbound(context, Some(&called));
}

fn is_mutual(server: Server<'_>) -> bool {
    server.tls().and_then(vigla_config::ServerTls::mode) == Some("ISTIO_MUTUAL")
}

fn is_served(server: Server<'_>) -> bool {
    match server.protocol().unwrap_or("HTTP").to_ascii_uppercase().as_str() {
        "HTTP" | "HTTP2" | "GRPC" => true,
        "HTTPS" => is_mutual(server),
        _ => false,
    }
}

/// The container's port behind a server's port: what the gateway's Service says, else the same number.
fn target_port(context: &Context<'_, '_>, port: u16) -> u16 {
    let (mesh, instance) = (context.mesh, context.instance);
    mesh.services_selecting(&instance.namespace, &instance.labels)
        .find_map(|service| mesh.container_port(instance, service.port(port)?))
        .unwrap_or(port)
}

fn listener(context: &mut Context<'_, '_>, port: u16, servers: &[(Gateway<'_>, Server<'_>)]) {
    let target = target_port(context, port);
    let (gateway, server) = servers[0];
    // One socket speaks either plain text or TLS: the first server decides, as in Istio.
    let mutual = is_mutual(server);
    let mut served = Vec::new();
    for &(other, candidate) in servers {
        if is_mutual(candidate) == mutual {
            served.push((other, candidate));
        } else {
            let message = format!(
                "port {port} is served another way by {}; the server is left out",
                gateway.object().object_ref()
            );
            context.problem(other.origin(candidate.node()), message);
        }
    }
    let name: Arc<str> = if mutual {
        format!("https.{port}")
    } else {
        format!("http.{port}")
    }
    .into();
    let virtual_hosts = virtual_hosts(context, port, target, &served);
    context.add_table(RouteTable {
        name: name.clone(),
        virtual_hosts,
    });
    let origin = Some(gateway.origin(server.node()));
    let place = Place {
        port: target,
        listens: context.instance.endpoint(target),
        is_http: true,
    };
    let authorization = authorization::build(context, place);
    let chain = FilterChain {
        name: if mutual { "tls" } else { "plaintext" }.into(),
        matches: ChainMatch::default(),
        tls: mutual.then(|| DownstreamTls {
            certificate: WORKLOAD_SECRET.into(),
            client_roots: Some(ROOTS_SECRET.into()),
        }),
        authorization,
        network: Network::Http(RouteSource::Named(name)),
        origin: origin.clone(),
    };
    context.add_listener(Listener {
        name: format!("gateway|{port}").into(),
        address: context.instance.endpoint(target),
        direction: Direction::Gateway,
        chains: vec![chain],
        telemetry: context.telemetry(Reporter::Source, None),
        tracing: None,
        origin,
    });
}

/// Hosts in order of their first VirtualService, with the routes of all that name them.
fn virtual_hosts(
    context: &mut Context<'_, '_>,
    port: u16,
    target: u16,
    servers: &[(Gateway<'_>, Server<'_>)],
) -> Vec<vigla_dataplane::VirtualHost> {
    let mut order: Vec<String> = Vec::new();
    let mut routes: BTreeMap<String, Vec<Route>> = BTreeMap::new();
    // A VirtualService may come to the same host by several servers; its routes stand once.
    let mut done = BTreeSet::new();
    for &(gateway, server) in servers {
        let attachment = Attachment::Gateway {
            namespace: gateway.namespace().as_str(),
            name: gateway.object().name(),
        };
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
    let hosts = plan.route_tables.values().flat_map(|table| &table.virtual_hosts);
    hosts
        .flat_map(|host| &host.routes)
        .filter_map(|route| match &route.action {
            RouteAction::Forward(forward) => Some(forward),
            _ => None,
        })
        .flat_map(|forward| {
            let mirrors = forward.mirrors.iter().map(|mirror| &mirror.cluster);
            forward.clusters.iter().map(|cluster| &cluster.cluster).chain(mirrors)
        })
        .cloned()
        .collect()
}
