//! Bounds, ejection, TLS and authorization as text. Defaults are not told.

use std::fmt::{self, Write as _};

use vigla_dataplane::{
    Authorization, AuthorizationRule, ClientCertificate, Cluster, Condition, ConnectionPool, Origination,
    Outlier, Subnet, TextMatch, TlsRoots, UpstreamTls, Wanted,
};

use super::from;

pub(super) fn write(out: &mut String, cluster: &Cluster) -> fmt::Result {
    write_pool(out, &cluster.connection_pool)?;
    if let Some(outlier) = &cluster.outlier {
        write_outlier(out, outlier)?;
    }
    match &cluster.tls {
        UpstreamTls::Simple(origination) => write_origination(out, origination),
        UpstreamTls::None | UpstreamTls::Mesh { .. } => Ok(()),
    }
}

fn write_pool(out: &mut String, pool: &ConnectionPool) -> fmt::Result {
    let bounds = [
        ("connections", pool.max_connections),
        ("pending", pool.max_pending_requests),
        ("requests", pool.max_requests),
        ("retries", pool.max_retries),
        ("requests each connection", pool.max_requests_per_connection),
    ];
    let bounds = bounds
        .into_iter()
        .filter_map(|(what, bound)| Some(format!("{} {what}", bound?)));
    let idle = pool.idle_timeout.map(|idle| format!("{idle:?} idle"));
    let keepalive = pool.keepalive.map(|_| "keep-alive".to_owned());
    let all: Vec<String> = bounds.chain(idle).chain(keepalive).collect();
    if all.is_empty() {
        return Ok(());
    }
    writeln!(out, "  at most {}{}", all.join(", "), from(pool.origin.as_ref()))
}

fn write_outlier(out: &mut String, outlier: &Outlier) -> fmt::Result {
    let counts = [
        ("5xx", outlier.consecutive_5xx),
        ("gateway errors", outlier.consecutive_gateway_errors),
        ("local failures", outlier.consecutive_local_origin_failures),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter_map(|(what, count)| Some(format!("{} {what}", count?)))
        .collect();
    write!(out, "  ejects after {}", counts.join(" or "))?;
    writeln!(
        out,
        " for {:?}, looks each {:?}, at most {} %, ignores health below {} %{}",
        outlier.base_ejection_time,
        outlier.interval,
        outlier.max_ejection_percent,
        outlier.min_health_percent,
        from(outlier.origin.as_ref())
    )
}

fn write_origination(out: &mut String, origination: &Origination) -> fmt::Result {
    let roots = match &origination.roots {
        TlsRoots::System => "the machine's anchors",
        TlsRoots::File(path) | TlsRoots::Secret(path) => path,
        TlsRoots::Unchecked => "nothing",
    };
    let sni = origination.sni.as_deref().unwrap_or("no name");
    let names = origination.subject_alt_names.join(" ");
    write!(out, "  as {sni}, checked by {roots}, named {names}")?;
    if let Some(client) = &origination.client {
        let (ClientCertificate::Files { chain: shown, .. } | ClientCertificate::Secret(shown)) = client;
        write!(out, ", shows {shown}")?;
    }
    writeln!(out)
}

pub(super) fn write_authorization(out: &mut String, authorization: &Authorization) -> fmt::Result {
    for rule in &authorization.deny {
        write_rule(out, "deny", rule)?;
    }
    match &authorization.allow {
        None => Ok(()),
        Some(rules) if rules.is_empty() => writeln!(out, "    allow nobody"),
        Some(rules) => rules.iter().try_for_each(|rule| write_rule(out, "allow", rule)),
    }
}

fn write_rule(out: &mut String, action: &str, rule: &AuthorizationRule) -> fmt::Result {
    write!(out, "    {action}")?;
    for (what, alternatives) in [("from", &rule.from), ("to", &rule.to)] {
        for (index, conditions) in alternatives.iter().enumerate() {
            write!(out, " {}", if index == 0 { what } else { "or" })?;
            for condition in conditions {
                write!(out, " {}", text(condition))?;
            }
        }
    }
    writeln!(out, "{}", from(rule.origin.as_ref()))
}

fn text(condition: &Condition) -> String {
    let texts = |values: &[TextMatch]| {
        let each = values.iter().map(|value| match value {
            TextMatch::Exact(text) => text.to_string(),
            TextMatch::Prefix(text) => format!("{text}*"),
            TextMatch::Suffix(text) => format!("*{text}"),
            TextMatch::Present => "*".to_owned(),
        });
        each.collect::<Vec<_>>().join("|")
    };
    let subnets = |subnets: &[Subnet]| {
        let each = subnets
            .iter()
            .map(|subnet| format!("{}/{}", subnet.address, subnet.bits));
        each.collect::<Vec<_>>().join("|")
    };
    let (name, values) = match &condition.wanted {
        Wanted::Principal(values) => ("principal", texts(values)),
        Wanted::Namespace(values) => ("namespace", texts(values)),
        Wanted::SourceIp(values) => ("ip", subnets(values)),
        Wanted::RemoteIp(values) => ("remote-ip", subnets(values)),
        Wanted::Port(ports) => {
            let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
            ("port", ports.join("|"))
        }
        Wanted::ServerName(values) => ("sni", texts(values)),
        Wanted::Host(values) => ("host", texts(values)),
        Wanted::Method(values) => ("method", texts(values)),
        Wanted::Path(values) => ("path", texts(values)),
        Wanted::Header(name, values) => (&**name, texts(values)),
    };
    format!("{name}{}={values}", if condition.invert { "!" } else { "" })
}
