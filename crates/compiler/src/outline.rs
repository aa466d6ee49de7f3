//! A plan as text that a person can judge.

mod extra;
mod policy;

use std::fmt::{self, Write as _};

use vigla_dataplane::{
    Cluster, Discovery, Endpoint, FilterChain, Forward, HeaderEdits, HeaderMatch, HttpVersion, Listener,
    Network, PathMatch, PathRewrite, Plan, RedirectPath, Route, RouteAction, RouteMatch, RouteSource,
    RouteTable, StringMatch, TcpCluster, UpstreamTls,
};
use vigla_model::{Origin, Protocol};

/// All of a plan: listeners, routes, clusters with their endpoints.
pub fn outline(plan: &Plan) -> String {
    let mut text = String::new();
    write_plan(&mut text, plan).expect("writing to a string cannot fail");
    text
}

/// One route table.
pub fn outline_table(table: &RouteTable) -> String {
    let mut text = String::new();
    write_table(&mut text, table).expect("writing to a string cannot fail");
    text
}

fn write_plan(out: &mut String, plan: &Plan) -> fmt::Result {
    for listener in plan.listeners.values() {
        write_listener(out, listener)?;
    }
    for table in plan.route_tables.values() {
        writeln!(out, "\nroutes {}", table.name)?;
        write_table(out, table)?;
    }
    if !plan.clusters.is_empty() {
        writeln!(out)?;
    }
    for cluster in plan.clusters.values() {
        write_cluster(out, plan, cluster)?;
    }
    Ok(())
}

fn write_listener(out: &mut String, listener: &Listener) -> fmt::Result {
    writeln!(
        out,
        "listener {} {}{}",
        listener.name,
        listener.address,
        from(listener.origin.as_ref())
    )?;
    if let Some(tracing) = &listener.tracing {
        let percent = f64::from(tracing.sampling) / 10_000.0;
        writeln!(
            out,
            "  spans of {} for {percent} % to {}",
            tracing.service, tracing.collector
        )?;
    }
    for chain in &listener.chains {
        write_chain(out, chain)?;
    }
    Ok(())
}

fn write_chain(out: &mut String, chain: &FilterChain) -> fmt::Result {
    write!(out, "  {}", chain.name)?;
    if !chain.matches.server_names.is_empty() {
        write!(out, " for {}", chain.matches.server_names.join(" "))?;
    }
    if let Some(tls) = &chain.tls {
        write!(
            out,
            " ({}{})",
            tls.certificate,
            tls.client_roots
                .as_ref()
                .map_or(String::new(), |roots| format!(", {roots}"))
        )?;
    }
    match &chain.network {
        Network::Tcp { clusters } => write_tcp(out, clusters)?,
        Network::Http(RouteSource::Named(name)) => write!(out, " -> routes {name}")?,
        Network::Http(RouteSource::Inline(table)) => write!(out, " -> own routes {}", table.name)?,
    }
    writeln!(out, "{}", from(chain.origin.as_ref()))?;
    if let Some(limit) = &chain.rate_limit {
        let share = f64::from(limit.enforced) / 10_000.0;
        writeln!(
            out,
            "    at most {} requests, {} more each {:?}, else {} for {share} %{}",
            limit.max_tokens,
            limit.tokens_per_fill,
            limit.fill_interval,
            limit.status,
            from(limit.origin.as_ref())
        )?;
    }
    match &chain.authorization {
        Some(authorization) => policy::write_authorization(out, authorization),
        None => Ok(()),
    }
}

fn write_tcp(out: &mut String, clusters: &[TcpCluster]) -> fmt::Result {
    for (index, cluster) in clusters.iter().enumerate() {
        let sign = if index == 0 { " -> " } else { ", " };
        out.push_str(sign);
        if clusters.len() > 1 {
            write!(out, "{} ", cluster.weight)?;
        }
        write!(out, "{}{}", cluster.cluster, from(cluster.origin.as_ref()))?;
    }
    Ok(())
}

fn write_table(out: &mut String, table: &RouteTable) -> fmt::Result {
    for host in &table.virtual_hosts {
        writeln!(out, "{}", host.name)?;
        let domains: Vec<&str> = host.domains.iter().map(|domain| &**domain).collect();
        writeln!(out, "  for {}", domains.join(" "))?;
        for route in &host.routes {
            write_route(out, route)?;
        }
    }
    Ok(())
}

fn write_route(out: &mut String, route: &Route) -> fmt::Result {
    let condition = condition(&route.matches);
    write!(out, "  {condition} -> ")?;
    match &route.action {
        RouteAction::Forward(forward) => write_forward(out, forward, condition.chars().count() + 6)?,
        RouteAction::Redirect(redirect) => {
            write!(out, "redirect {}", redirect.status)?;
            let scheme = redirect.scheme.as_deref().map(|scheme| format!(" {scheme}://"));
            let port = redirect.port.map(|port| format!(" :{port}"));
            let path = redirect.path.as_ref().map(|path| match path {
                RedirectPath::Full(path) => format!(" {path}"),
                RedirectPath::Prefix(path) => format!(" {path}…"),
            });
            let host = redirect.host.as_deref().map(|host| format!(" {host}"));
            for part in [scheme, host, port, path].into_iter().flatten() {
                out.push_str(&part);
            }
        }
        RouteAction::Respond { status, body } => write!(out, "respond {status} {body:?}")?,
    }
    write_edits(out, "request", &route.request_headers)?;
    write_edits(out, "response", &route.response_headers)?;
    writeln!(out, "{}", from(route.origin.as_ref()))
}

fn write_forward(out: &mut String, forward: &Forward, indent: usize) -> fmt::Result {
    for (index, cluster) in forward.clusters.iter().enumerate() {
        if index > 0 {
            write!(out, "\n{:indent$}", "")?;
        }
        write!(out, "{} {}", cluster.weight, cluster.cluster)?;
        write_edits(out, "request", &cluster.request_headers)?;
        write_edits(out, "response", &cluster.response_headers)?;
    }
    if let Some(timeout) = forward.timeout {
        write!(out, ", timeout {timeout:?}")?;
    }
    if let Some(retry) = &forward.retry {
        let is_default = retry.attempts == 2 && retry.statuses == [503] && retry.per_try_timeout.is_none();
        if !is_default {
            write!(out, ", retry {} on {}", retry.attempts, retry.on.join(","))?;
            if !retry.statuses.is_empty() {
                write!(out, " {:?}", retry.statuses)?;
            }
            if let Some(limit) = retry.per_try_timeout {
                write!(out, " each {limit:?}")?;
            }
        }
    } else {
        write!(out, ", no retry")?;
    }
    match &forward.path {
        Some(PathRewrite::Prefix(path)) => write!(out, ", path {path}…")?,
        Some(PathRewrite::Regex {
            pattern,
            substitution,
        }) => {
            write!(out, ", path /{}/{substitution}/", pattern.as_str())?;
        }
        None => (),
    }
    if let Some(authority) = &forward.authority {
        write!(out, ", authority {authority}")?;
    }
    if let Some(fault) = &forward.fault {
        let percent = |millionths: u32| f64::from(millionths) / 10_000.0;
        if let Some((share, delay)) = fault.delay {
            write!(out, ", delay {delay:?} for {} %", percent(share))?;
        }
        if let Some((share, status)) = fault.abort {
            write!(out, ", abort {status} for {} %", percent(share))?;
        }
    }
    extra::write(out, forward)
}

fn write_edits(out: &mut String, what: &str, edits: &HeaderEdits) -> fmt::Result {
    if edits.is_empty() {
        return Ok(());
    }
    write!(out, ", {what}")?;
    for name in &edits.remove {
        write!(out, " -{name}")?;
    }
    for (name, value) in &edits.set {
        write!(out, " {name}={value}")?;
    }
    for (name, value) in &edits.add {
        write!(out, " {name}+={value}")?;
    }
    Ok(())
}

fn condition(matches: &RouteMatch) -> String {
    let mut text = match &matches.path {
        PathMatch::Any => "*".to_owned(),
        PathMatch::Exact(path) => format!("={path}"),
        PathMatch::Prefix(path) => format!("{path}…"),
        PathMatch::SegmentPrefix(path) => format!("{path}/…"),
        PathMatch::Regex(pattern) => format!("~{}", pattern.as_str()),
    };
    if matches.ignore_path_case {
        text.push_str(" (any case)");
    }
    for HeaderMatch { name, value, invert } in &matches.headers {
        text.push_str(if *invert { " without " } else { " " });
        text.push_str(&format!("{name}{}", value_text(value)));
    }
    for query in &matches.query {
        text.push_str(&format!(" ?{}{}", query.name, value_text(&query.value)));
    }
    text
}

fn value_text(value: &StringMatch) -> String {
    match value {
        StringMatch::Exact(text) => format!("={text}"),
        StringMatch::Prefix(text) => format!("={text}…"),
        StringMatch::Regex(pattern) => format!("~{}", pattern.as_str()),
        StringMatch::Present => String::new(),
    }
}

fn write_cluster(out: &mut String, plan: &Plan, cluster: &Cluster) -> fmt::Result {
    let tls = match &cluster.tls {
        UpstreamTls::None => "plain text",
        UpstreamTls::Mesh { auto: true, .. } => "auto mTLS",
        UpstreamTls::Mesh { auto: false, .. } => "mTLS",
        UpstreamTls::Simple(_) => "TLS",
    };
    let version = match (cluster.protocol, cluster.http) {
        (Protocol::Http, HttpVersion::Http2) => "/2",
        (Protocol::Http, HttpVersion::AsCaller) => " as its caller",
        _ => "",
    };
    writeln!(
        out,
        "cluster {} {}, {tls}, {}{version}{}",
        cluster.name,
        extra::balancer(cluster.balancer),
        cluster.protocol,
        from(cluster.origin.as_ref())
    )?;
    policy::write(out, cluster)?;
    let empty = Vec::new();
    let endpoints = match &cluster.discovery {
        Discovery::Static(endpoints) => endpoints,
        Discovery::Dns(names) => {
            for name in names {
                writeln!(out, "  {}:{} by DNS", name.host, name.port)?;
            }
            &empty
        }
        Discovery::Passthrough => {
            writeln!(out, "  wherever the request wants to go")?;
            &empty
        }
        Discovery::Eds => plan
            .endpoints
            .get(&cluster.name)
            .map_or(&empty, |found| &found.endpoints),
    };
    for endpoint in endpoints {
        write_endpoint(out, endpoint)?;
    }
    Ok(())
}

fn write_endpoint(out: &mut String, endpoint: &Endpoint) -> fmt::Result {
    write!(out, "  {}", endpoint.address)?;
    if let Some(workload) = &endpoint.identity.workload {
        write!(out, " {workload}")?;
    }
    if endpoint.mesh_tls {
        write!(out, " mTLS")?;
    }
    if !endpoint.healthy {
        write!(out, " not ready")?;
    }
    writeln!(out)
}

/// ` # VirtualService bookinfo/reviews spec.http[0] (reviews.yaml:12:5)`.
fn from(origin: Option<&Origin>) -> String {
    let Some(origin) = origin else {
        return String::new();
    };
    let place = origin.location.as_ref().map(|place| format!(" ({place})"));
    let path = if origin.path.is_empty() {
        String::new()
    } else {
        format!(" {}", origin.path)
    };
    format!(" # {}{path}{}", origin.object, place.unwrap_or_default())
}
