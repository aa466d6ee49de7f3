//! Where connections go whose bytes are not looked into.

use vigla_config::{Attachment, HttpMatch, Service, ServicePort, TcpRule, VirtualService};
use vigla_dataplane::TcpCluster;

use crate::{context::Context, names, route, table};

/// The clusters of a service's port: what the first rule says that is for this proxy, else the service itself.
pub(crate) fn clusters(
    context: &mut Context<'_, '_>,
    service: &Service,
    port: &ServicePort,
) -> Vec<TcpCluster> {
    let own = &context.instance.namespace;
    let rules = context
        .mesh
        .virtual_services(&service.fqdn, own, Attachment::Mesh);
    let rule = rules.iter().find(|rule| rule.tcp().next().is_some());
    let written = rule.and_then(|&rule| by_rule(context, rule, Attachment::Mesh, port.port));
    written.unwrap_or_else(|| {
        vec![TcpCluster {
            cluster: names::cluster(port.port, None, service.fqdn.as_str()),
            weight: 100,
            origin: None,
        }]
    })
}

/// Where a rule sends the connections of this proxy on a port; `None`: it says nothing of them.
pub(crate) fn by_rule(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    attachment: Attachment<'_>,
    port: u16,
) -> Option<Vec<TcpCluster>> {
    for tcp in rule.tcp() {
        if is_for_proxy(context, rule, tcp, attachment, port)
            && let Some(clusters) = destinations(context, rule, tcp, port)
        {
            return Some(clusters);
        }
    }
    None
}

/// The destinations of a rule; `None`, told as a problem, when none has a weight.
pub(crate) fn destinations(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    tcp: TcpRule<'_>,
    port: u16,
) -> Option<Vec<TcpCluster>> {
    let routes: Vec<_> = tcp.routes().collect();
    let only = routes.len() == 1;
    let mut clusters = Vec::new();
    for entry in routes {
        let weight = if only { 100 } else { entry.weight().unwrap_or(0) };
        let Some((destination, host)) = entry.destination().and_then(|found| Some((found, found.host()?)))
        else {
            let message = "the destination has no host; it is left out";
            context.problem(rule.origin(entry.node()), message);
            continue;
        };
        let host = table::destination_host(context, rule, host);
        let port = table::port_of(context.mesh.any_service(&host), destination.port(), port);
        if weight > 0 {
            clusters.push(TcpCluster {
                cluster: names::cluster(port, destination.subset(), host.as_str()),
                weight,
                origin: Some(rule.origin(destination.field("subset").unwrap_or(destination.node()))),
            });
        }
    }
    if clusters.is_empty() {
        let message = "the rule has no destination with a weight; it is left out";
        context.problem(rule.origin(tcp.node()), message);
        return None;
    }
    Some(clusters)
}

fn is_for_proxy(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    tcp: TcpRule<'_>,
    attachment: Attachment<'_>,
    port: u16,
) -> bool {
    let conditions: Vec<HttpMatch<'_>> = tcp.matches().collect();
    for &condition in &conditions {
        if let Some(node) = condition.field("destinationSubnets") {
            let message = "`destinationSubnets` is not looked at: calls are told apart by port";
            context.problem(rule.origin(node), message);
        }
    }
    conditions.is_empty()
        || conditions
            .iter()
            .any(|&condition| route::is_for_proxy(context, rule, condition, attachment, port))
}
