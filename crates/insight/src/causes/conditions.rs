//! Rules that choose by what requests carry, such as a header. Nothing fails, but no weight explains who gets what.

use vigla_config::{Attachment, HttpMatch, HttpRule};
use vigla_dataplane::{Forward, Plan, Route, RouteMatch, StringMatch};
use vigla_graph::Why;

use crate::case::{Case, list, proved};

/// More conditions than this are counted instead of named.
const MOST_NAMED: usize = 3;

/// Whether a rule for the edge's services asks for more than host and path.
///
/// It is looked up in the config, because plans of all callers would be too many to read. Rules of gateways are left
/// out: they are written for hosts that are no services.
pub(crate) fn decide(case: &Case<'_>) -> bool {
    let Some(client) = case.client() else {
        return false;
    };
    case.edge.services.iter().any(|host| {
        // Sidecars use the first one only.
        let rules = case.mesh.virtual_services(host, client, Attachment::Mesh);
        let rule = rules.first().copied();
        rule.is_some_and(|rule| rule.http().flat_map(HttpRule::matches).any(asks_for_more))
    })
}

fn asks_for_more(condition: HttpMatch<'_>) -> bool {
    let mut named = ["headers", "withoutHeaders", "queryParams"].iter();
    condition.string("method").is_some() || named.any(|key| condition.named(key).next().is_some())
}

pub(crate) fn explain(case: &Case<'_>) -> Vec<Why> {
    let Some(plan) = case.plan() else {
        return Vec::new();
    };
    let tables = plan.route_tables.values();
    let hosts = tables.flat_map(|table| &table.virtual_hosts);
    hosts.flat_map(|host| of_host(case, plan, &host.routes)).collect()
}

/// The routes of one virtual host that send requests to the callee, where conditions have a part in that.
fn of_host(case: &Case<'_>, plan: &Plan, routes: &[Route]) -> Vec<Why> {
    let (mut found, mut before) = (Vec::new(), Vec::new());
    for route in routes {
        let own = conditions(&route.matches);
        let decided = own.is_some() || !before.is_empty();
        if let Some(forward) = case.forward(route).filter(|_| decided) {
            found.extend(cause(case, plan, (route, forward), own.as_deref(), &before));
        }
        before.extend(own);
    }
    found
}

fn cause(
    case: &Case<'_>,
    plan: &Plan,
    (route, forward): (&Route, &Forward),
    own: Option<&str>,
    before: &[String],
) -> Option<Why> {
    let origin = route.origin.as_ref()?;
    let clusters = forward.clusters.iter().map(|weighted| &*weighted.cluster);
    let reached: Vec<&str> = clusters
        .filter(|cluster| has_callee(case, plan, cluster))
        .filter_map(|cluster| cluster.split('|').nth(2))
        .collect();
    let to = match reached.as_slice() {
        [] => return None,
        [""] => "to its endpoints".to_owned(),
        subsets => format!("to subset {}", list(subsets)),
    };
    let which = match (own, before.len()) {
        (Some(own), _) => format!("with {own}"),
        (None, 1..=MOST_NAMED) => format!("that no match before takes ({})", list(before)),
        (None, count) => format!("that none of the {count} matches before takes"),
    };
    let name = match &*route.name {
        "default" => String::new(),
        name => format!(" by route {name}"),
    };
    let message = format!(
        "{} sends requests of {} to {} {which} {to}{name}: what they carry decides, not a weight.",
        origin.object,
        case.caller(),
        case.services(),
    );
    let keys: &[&str] = if own.is_some() { &["match"] } else { &[] };
    Some(proved(message, &case.narrow(origin, keys)))
}

/// Whether the callee is among the endpoints of a cluster.
fn has_callee(case: &Case<'_>, plan: &Plan, cluster: &str) -> bool {
    let endpoints = plan.endpoints.get(cluster).into_iter();
    endpoints
        .flat_map(|endpoints| &endpoints.endpoints)
        .any(|endpoint| {
            let identity = &endpoint.identity;
            (&identity.workload, &identity.namespace) == (&case.target.workload, &case.target.namespace)
        })
}

/// What a match asks for beside the path, for people; `None` when it is nothing.
fn conditions(matches: &RouteMatch) -> Option<String> {
    let value = |wanted: &StringMatch| match wanted {
        StringMatch::Exact(text) => format!(": {text}"),
        StringMatch::Prefix(text) => format!(": {text}…"),
        StringMatch::Regex(pattern) => format!(" that matches {}", pattern.as_str()),
        StringMatch::Present => String::new(),
    };
    let headers = matches.headers.iter().map(|header| {
        let (not, value) = (if header.invert { "no " } else { "" }, value(&header.value));
        match header.name.strip_prefix(':') {
            Some(part) => format!("{part}{value}"),
            None => format!("{not}header {}{value}", header.name),
        }
    });
    let query = matches
        .query
        .iter()
        .map(|parameter| format!("query parameter {}{}", parameter.name, value(&parameter.value)));
    let all: Vec<String> = headers.chain(query).collect();
    (!all.is_empty()).then(|| list(all))
}
