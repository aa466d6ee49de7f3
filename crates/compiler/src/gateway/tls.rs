//! Chains of a port that speaks TLS, told apart by the name in the hello; and of one that carries bytes.

use std::{collections::HashSet, sync::Arc};

use vigla_config::{Node, Server};
use vigla_dataplane::{ChainMatch, FilterChain, Network, TcpCluster};
use vigla_model::Origin;

use super::{Kind, Served, authorize, http, narrower};
use crate::{
    context::Context,
    rate_limit::{self, Side},
    tcp,
};

/// One chain for each server that ends TLS, and for each rule by which TLS goes on.
pub(super) fn chains(context: &mut Context<'_, '_>, target: u16, servers: &[Served<'_>]) -> Vec<FilterChain> {
    let mut names = Names::default();
    let mut chains = Vec::new();
    for served in servers {
        match &served.kind {
            Kind::Terminated { tls, is_http } => {
                // Sidecars of the mesh send names of subsets, which no server has as host.
                let alone =
                    servers.len() == 1 && tls.certificate.as_ref() == vigla_dataplane::WORKLOAD_SECRET;
                let wanted = if alone { Vec::new() } else { hosts(served.server) };
                let Some(server_names) = names.take(wanted) else {
                    let message =
                        "all its hosts are served by another server of the port; the server is left out";
                    context.problem(served.origin(), message);
                    continue;
                };
                let name = table_name(served);
                let network = if *is_http {
                    http(
                        context,
                        Arc::clone(&name),
                        served.port,
                        target,
                        std::slice::from_ref(served),
                    )
                } else {
                    match bytes(context, served) {
                        Some((clusters, _)) => Network::Tcp { clusters },
                        None => continue,
                    }
                };
                chains.push(FilterChain {
                    name,
                    matches: ChainMatch {
                        tls: None,
                        server_names,
                    },
                    tls: Some(tls.clone()),
                    authorization: authorize(context, target, *is_http),
                    rate_limit: match is_http {
                        true => rate_limit::build(context, Side::Gateway, served.port),
                        false => None,
                    },
                    network,
                    origin: Some(served.origin()),
                });
            }
            Kind::Passthrough => passthrough(context, target, served, &mut names, &mut chains),
            Kind::Http | Kind::Bytes => (),
        }
    }
    chains
}

fn passthrough(
    context: &mut Context<'_, '_>,
    target: u16,
    served: &Served<'_>,
    names: &mut Names,
    chains: &mut Vec<FilterChain>,
) {
    let (gateway, attachment) = (served.gateway, served.attachment());
    let offered = hosts(served.server);
    let rules = context
        .mesh
        .virtual_services_of_gateway(gateway.namespace(), gateway.object().name());
    for rule in rules {
        for (at, tls) in rule.tls().enumerate() {
            let mut wanted: Vec<Arc<str>> = Vec::new();
            for condition in tls.matches() {
                if !crate::route::is_for_proxy(context, rule, condition, attachment, served.port) {
                    continue;
                }
                for host in condition.sni_hosts() {
                    let host = host.to_ascii_lowercase();
                    let shared = offered.iter().filter_map(|offered| narrower(&host, offered));
                    wanted.extend(shared.map(Arc::from));
                }
            }
            if wanted.is_empty() {
                continue;
            }
            let origin = rule.origin(tls.node());
            let Some(server_names) = names.take(wanted) else {
                let message = "all its names are taken by another rule of the port; the rule is left out";
                context.problem(origin, message);
                continue;
            };
            let Some(clusters) = tcp::destinations(context, rule, tls, served.port) else {
                continue;
            };
            chains.push(FilterChain {
                name: format!("{}.{at}.{}", table_name(served), rule.object().name()).into(),
                matches: ChainMatch {
                    tls: None,
                    server_names,
                },
                tls: None,
                authorization: authorize(context, target, false),
                rate_limit: None,
                network: Network::Tcp { clusters },
                origin: Some(origin),
            });
        }
    }
}

/// The chain of a port that carries bytes: nothing tells connections apart, so the first rule has them all.
pub(super) fn plain_bytes(
    context: &mut Context<'_, '_>,
    target: u16,
    servers: &[Served<'_>],
) -> Vec<FilterChain> {
    let found = servers.iter().find_map(|served| bytes(context, served));
    let chain = found.map(|(clusters, origin)| FilterChain {
        name: "plaintext".into(),
        matches: ChainMatch::default(),
        tls: None,
        authorization: authorize(context, target, false),
        rate_limit: None,
        network: Network::Tcp { clusters },
        origin: Some(origin),
    });
    chain.into_iter().collect()
}

/// Where the bytes of a server go: by the first rule for TCP that is attached to it.
fn bytes(context: &mut Context<'_, '_>, served: &Served<'_>) -> Option<(Vec<TcpCluster>, Origin)> {
    let gateway = served.gateway;
    let rules = context
        .mesh
        .virtual_services_of_gateway(gateway.namespace(), gateway.object().name());
    rules.into_iter().find_map(|rule| {
        let clusters = tcp::by_rule(context, rule, served.attachment(), served.port)?;
        Some((clusters, served.origin()))
    })
}

/// `https.443.https.shop.istio-system`, as in Istio.
fn table_name(served: &Served<'_>) -> Arc<str> {
    let (gateway, port) = (served.gateway.object(), served.port);
    let name = served.server.port_name().unwrap_or("https");
    format!("https.{port}.{name}.{}.{}", gateway.name(), gateway.namespace()).into()
}

/// Hosts of a server without their namespaces, in lower case.
fn hosts(server: Server<'_>) -> Vec<Arc<str>> {
    let written = server.hosts().filter_map(Node::text);
    let bare = written.map(|host| host.split_once('/').map_or(host, |(_, host)| host));
    bare.map(|host| host.to_ascii_lowercase().into()).collect()
}

/// Names that chains of a listener have: no two chains may have one, or Envoy refuses the listener.
#[derive(Default)]
struct Names(HashSet<Arc<str>>);

impl Names {
    /// Those of the wanted names that are free, empty for all names; `None` when there is none.
    fn take(&mut self, wanted: Vec<Arc<str>>) -> Option<Vec<Arc<str>>> {
        if wanted.is_empty() || wanted.iter().any(|name| &**name == "*") {
            return self.0.insert("*".into()).then(Vec::new);
        }
        let mut free = wanted;
        free.retain(|name| self.0.insert(Arc::clone(name)));
        (!free.is_empty()).then_some(free)
    }
}
