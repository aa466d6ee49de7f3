//! The plan in force as JSON, for people: names, addresses, and where each part comes from. Holds no secrets,
//! because a plan has only their names.

use serde_json::{Value, json};
use vigla_dataplane::{
    Cluster, Discovery, Endpoint, FilterChain, Listener, Network, Plan, Route, RouteAction, RouteSource,
    RouteTable, UpstreamTls,
};
use vigla_model::Origin;

/// The whole plan.
pub(crate) fn dump_plan(plan: &Plan) -> Value {
    json!({
        "listeners": plan.listeners.values().map(|listener| dump_listener(listener)).collect::<Vec<_>>(),
        "route_tables": plan.route_tables.values().map(|table| dump_table(table)).collect::<Vec<_>>(),
        "clusters": plan.clusters.values().map(|cluster| dump_cluster(cluster)).collect::<Vec<_>>(),
        "endpoints": plan.endpoints.iter().map(|(cluster, endpoints)| json!({
            "cluster": cluster,
            "endpoints": endpoints.endpoints.iter().map(dump_endpoint).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn dump_origin(origin: Option<&Origin>) -> Value {
    serde_json::to_value(origin).unwrap_or_default()
}

fn dump_listener(listener: &Listener) -> Value {
    json!({
        "name": listener.name,
        "address": listener.address.to_string(),
        "direction": format!("{:?}", listener.direction).to_lowercase(),
        "chains": listener.chains.iter().map(dump_chain).collect::<Vec<_>>(),
        "origin": dump_origin(listener.origin.as_ref()),
    })
}

fn dump_chain(chain: &FilterChain) -> Value {
    let network = match &chain.network {
        Network::Http(RouteSource::Named(name)) => json!({ "http": { "route_table": name } }),
        Network::Http(RouteSource::Inline(table)) => json!({ "http": dump_table(table) }),
        Network::Tcp { clusters } => {
            let clusters: Vec<_> = clusters
                .iter()
                .map(|cluster| json!({ "cluster": cluster.cluster, "weight": cluster.weight }))
                .collect();
            json!({ "tcp": clusters })
        }
    };
    json!({
        "name": chain.name,
        "match": { "tls": chain.matches.tls, "server_names": chain.matches.server_names },
        "tls": chain.tls.as_ref().map(|tls| json!({
            "certificate": tls.certificate,
            "client_roots": tls.client_roots,
        })),
        "network": network,
        "origin": dump_origin(chain.origin.as_ref()),
    })
}

fn dump_table(table: &RouteTable) -> Value {
    let hosts = table.virtual_hosts.iter().map(|host| {
        json!({
            "name": host.name,
            "domains": host.domains,
            "routes": host.routes.iter().map(dump_route).collect::<Vec<_>>(),
        })
    });
    json!({ "name": table.name, "virtual_hosts": hosts.collect::<Vec<_>>() })
}

fn dump_route(route: &Route) -> Value {
    let action = match &route.action {
        RouteAction::Forward(forward) => json!({ "forward": {
            "clusters": forward.clusters.iter().map(|cluster| json!({
                "name": cluster.cluster,
                "weight": cluster.weight,
                "origin": dump_origin(cluster.origin.as_ref()),
            })).collect::<Vec<_>>(),
            "timeout_seconds": forward.timeout.map(|timeout| timeout.as_secs_f64()),
            "retries": forward.retry.as_ref().map(|retry| json!({ "attempts": retry.attempts, "on": retry.on })),
            "fault": forward.fault.as_ref().map(|fault| json!({
                "delay": fault.delay.map(|(share, delay)| json!({ "millionths": share, "seconds": delay.as_secs_f64() })),
                "abort": fault.abort.map(|(share, status)| json!({ "millionths": share, "status": status })),
                "origin": dump_origin(fault.origin.as_ref()),
            })),
        }}),
        RouteAction::Redirect(redirect) => {
            json!({ "redirect": { "status": redirect.status, "host": redirect.host } })
        }
        RouteAction::Respond { status, .. } => json!({ "respond": { "status": status } }),
    };
    json!({
        "name": route.name,
        "match": format!("{:?}", route.matches),
        "action": action,
        "service": route.service.as_ref().map(vigla_model::Fqdn::as_str),
        "origin": dump_origin(route.origin.as_ref()),
    })
}

fn dump_cluster(cluster: &Cluster) -> Value {
    let endpoints = match &cluster.discovery {
        Discovery::Eds => json!("eds"),
        Discovery::Passthrough => json!("passthrough"),
        Discovery::Dns(names) => json!(
            names
                .iter()
                .map(|name| format!("{}:{}", name.host, name.port))
                .collect::<Vec<_>>()
        ),
        Discovery::Static(endpoints) => json!(endpoints.iter().map(dump_endpoint).collect::<Vec<_>>()),
    };
    let tls = match &cluster.tls {
        UpstreamTls::None => Value::Null,
        UpstreamTls::Simple(origination) => {
            json!({ "sni": origination.sni, "names": origination.subject_alt_names })
        }
        UpstreamTls::Mesh {
            auto,
            sni,
            principals,
        } => json!({
            "auto": auto,
            "sni": sni,
            "principals": principals.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
    };
    json!({
        "name": cluster.name,
        "endpoints": endpoints,
        "balancer": format!("{:?}", cluster.balancer),
        "connect_timeout_seconds": cluster.connect_timeout.as_secs_f64(),
        "tls": tls,
        "protocol": cluster.protocol.as_str(),
        "service": cluster.service.as_ref().map(vigla_model::Fqdn::as_str),
        "origin": dump_origin(cluster.origin.as_ref()),
    })
}

fn dump_endpoint(endpoint: &Endpoint) -> Value {
    json!({
        "address": endpoint.address.to_string(),
        "identity": endpoint.identity,
        "mesh_tls": endpoint.mesh_tls,
        "weight": endpoint.weight,
        "healthy": endpoint.healthy,
    })
}
