//! What a rule does with requests.

use std::{sync::Arc, time::Duration};

use vigla_config::{HttpRule, Redirect as Written, Retries, Rewrite, VirtualService, WeightedDestination};
use vigla_dataplane::{
    Fault, Forward, HashKey, PathRewrite, Pattern, Redirect, RedirectPath, Retry, RouteAction,
    WeightedCluster,
};
use vigla_model::Fqdn;

use super::{Scene, extra, hash, headers};
use crate::{context::Context, names, table};

/// Istio's conditions when none are written.
const RETRY_ON: [&str; 5] = [
    "connect-failure",
    "refused-stream",
    "unavailable",
    "cancelled",
    "retriable-status-codes",
];

/// The action, and the service under whose name its requests count; `None` when the rule has no action for us.
pub(super) fn build(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    http: HttpRule<'_>,
    scene: &Scene<'_>,
) -> Option<(RouteAction, Option<Fqdn>)> {
    if let Some(written) = http.redirect() {
        return Some((
            RouteAction::Redirect(redirect(written, scene)),
            scene.host.cloned(),
        ));
    }
    if let Some(written) = http.direct_response() {
        let action = RouteAction::Respond {
            status: written.status().unwrap_or(200),
            body: written.body().unwrap_or_default().into(),
        };
        return Some((action, scene.host.cloned()));
    }
    if http.delegate().is_some() {
        context.problem(
            rule.origin(http.node()),
            "`delegate` is not supported; the rule is left out",
        );
        return None;
    }
    let (forward, service) = forward(context, rule, http, scene)?;
    Some((RouteAction::Forward(forward), service))
}

fn forward(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    http: HttpRule<'_>,
    scene: &Scene<'_>,
) -> Option<(Forward, Option<Fqdn>)> {
    let mut authority = http.rewrite().and_then(Rewrite::authority).map(Arc::from);
    let written: Vec<WeightedDestination<'_>> = http.routes().collect();
    let only = written.len() == 1;
    let mut clusters = Vec::new();
    let mut hosts: Vec<Fqdn> = Vec::new();
    let mut keys = Vec::new();
    for &entry in &written {
        let weight = if only { 100 } else { entry.weight().unwrap_or(0) };
        if weight == 0 {
            continue;
        }
        let Some(Weighted {
            cluster,
            host,
            authority: own_authority,
            key,
        }) = weighted(context, rule, entry, weight, scene)
        else {
            continue;
        };
        clusters.push(cluster);
        keys.extend(key.filter(|key| !keys.contains(key)));
        if !hosts.contains(&host) {
            hosts.push(host);
        }
        match own_authority {
            Some(value) if only => authority = authority.or(Some(value)),
            Some(_) => {
                let message =
                    "`Host` is set for one of several destinations: not supported, it stays as it is";
                context.problem(rule.origin(entry.node()), message);
            }
            None => (),
        }
    }
    if clusters.is_empty() {
        context.problem(
            rule.origin(http.node()),
            "the rule has no destination with a weight; it is left out",
        );
        return None;
    }
    let service = match hosts.as_slice() {
        [host] => Some(host.clone()),
        _ => scene.host.or(hosts.first()).cloned(),
    };
    let forward = Forward {
        clusters,
        timeout: http.timeout().filter(|timeout| !timeout.is_zero()),
        retry: retry(http.retries()),
        path: path_rewrite(context, rule, http),
        authority,
        fault: fault(rule, http),
        mirrors: extra::mirrors(context, rule, http, scene),
        cors: extra::cors(context, rule, http),
        hash: keys,
    };
    Some((forward, service))
}

/// One destination as the plan has it, and what it says of the whole rule.
struct Weighted {
    cluster: WeightedCluster,
    host: Fqdn,
    /// The request's new authority.
    authority: Option<Arc<str>>,
    key: Option<HashKey>,
}

fn weighted(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    entry: WeightedDestination<'_>,
    weight: u32,
    scene: &Scene<'_>,
) -> Option<Weighted> {
    let Some((destination, host)) = entry.destination().and_then(|found| Some((found, found.host()?))) else {
        context.problem(
            rule.origin(entry.node()),
            "the destination has no host; it is left out",
        );
        return None;
    };
    let host = table::destination_host(context, rule, host);
    let port = table::port_of(context.mesh.any_service(&host), destination.port(), scene.port);
    let key = hash::key(context, &host, port, destination.subset());
    let edits = headers::build(entry.headers());
    let cluster = WeightedCluster {
        cluster: names::cluster(port, destination.subset(), host.as_str()),
        weight,
        request_headers: edits.request,
        response_headers: edits.response,
        // The narrowest field that chose the cluster.
        origin: Some(rule.origin(destination.field("subset").unwrap_or(destination.node()))),
    };
    Some(Weighted {
        cluster,
        host,
        authority: edits.authority,
        key,
    })
}

fn path_rewrite(
    context: &mut Context<'_, '_>,
    rule: VirtualService<'_>,
    http: HttpRule<'_>,
) -> Option<PathRewrite> {
    let rewrite = http.rewrite()?;
    if let Some(uri) = rewrite.uri() {
        return Some(PathRewrite::Prefix(uri.into()));
    }
    let regex = rewrite.regex()?;
    match Pattern::new(regex.pattern) {
        Ok(pattern) => Some(PathRewrite::Regex {
            pattern,
            substitution: regex.substitution.into(),
        }),
        Err(_) => {
            let message = format!(
                "`{}` is no regular expression; the path stays as it is",
                regex.pattern
            );
            context.problem(rule.origin(rewrite.node()), message);
            None
        }
    }
}

fn redirect(written: Written<'_>, scene: &Scene<'_>) -> Redirect {
    let port = match written.derive_port() {
        Some("FROM_REQUEST_PORT") => Some(scene.port),
        _ => written.port(),
    };
    let scheme_default = match written.scheme() {
        Some("https") => 443,
        _ => 80,
    };
    Redirect {
        status: written.code(),
        scheme: written.scheme().map(Arc::from),
        host: written.authority().map(Arc::from),
        port: port.filter(|&port| written.derive_port().is_none() || port != scheme_default),
        path: written.uri().map(|uri| match uri.strip_prefix("%PREFIX()%") {
            Some(rest) => RedirectPath::Prefix(rest.into()),
            None => RedirectPath::Full(uri.into()),
        }),
    }
}

pub(super) fn default_retry() -> Retry {
    Retry {
        attempts: 2,
        on: RETRY_ON.map(Arc::from).to_vec(),
        statuses: vec![503],
        ..Retry::default()
    }
}

fn retry(written: Option<Retries<'_>>) -> Option<Retry> {
    let Some(written) = written else {
        return Some(default_retry());
    };
    // Retries without a number are none, as in Istio.
    let attempts = written.attempts().filter(|&attempts| attempts > 0)?;
    let mut retry = Retry {
        attempts,
        per_try_timeout: written
            .per_try_timeout()
            .filter(|timeout| *timeout > Duration::ZERO),
        ..default_retry()
    };
    if let Some(words) = written.retry_on() {
        let words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
        let (statuses, on): (Vec<&str>, Vec<&str>) = words.partition(|word| word.parse::<u16>().is_ok());
        retry.on = on.into_iter().map(Arc::from).collect();
        retry.statuses = statuses.iter().filter_map(|status| status.parse().ok()).collect();
        let by_status: Arc<str> = "retriable-status-codes".into();
        if !retry.statuses.is_empty() && !retry.on.contains(&by_status) {
            retry.on.push(by_status);
        }
    }
    Some(retry)
}

fn fault(rule: VirtualService<'_>, http: HttpRule<'_>) -> Option<Fault> {
    let written = http.fault()?;
    let fault = Fault {
        delay: written.delay().map(|delay| (delay.share.millionths, delay.delay)),
        abort: written
            .abort()
            .map(|abort| (abort.share.millionths, abort.status)),
        origin: Some(rule.origin(written.node())),
    };
    (fault.delay.is_some() || fault.abort.is_some()).then_some(fault)
}
