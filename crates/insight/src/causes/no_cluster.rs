//! `NC`: a route names a cluster that does not exist, mostly a subset that no DestinationRule defines.

use vigla_dataplane::{Forward, Plan, WeightedCluster};
use vigla_graph::Why;
use vigla_model::{Fqdn, Origin, Ratio};

use crate::case::{Case, list, proved};

pub(crate) fn explain(case: &Case<'_>) -> Vec<Why> {
    let Some(plan) = case.plan() else {
        return Vec::new();
    };
    let missing = case.forwards().flat_map(|(_, forward)| {
        let lost = forward
            .clusters
            .iter()
            .filter(|weighted| !plan.clusters.contains_key(&weighted.cluster));
        lost.map(move |weighted| (forward, weighted))
    });
    missing
        .filter_map(|(forward, weighted)| cause(case, plan, forward, weighted))
        .collect()
}

fn cause(case: &Case<'_>, plan: &Plan, forward: &Forward, weighted: &WeightedCluster) -> Option<Why> {
    let origin = weighted.origin.as_ref()?;
    let object = &origin.object;
    // The form of Istio's names: direction, port, subset, host.
    let parts: Vec<&str> = weighted.cluster.split('|').collect();
    let [_, port, subset, host] = parts.as_slice() else {
        return None;
    };
    let host = Fqdn::new(*host);
    let all: u32 = forward.clusters.iter().map(|other| other.weight).sum();
    let share = match Ratio::of(f64::from(weighted.weight), f64::from(all)) {
        Some(share) if share.get() < 1.0 => format!("{share} of the requests"),
        _ => "its requests".to_owned(),
    };
    let caller = case.caller();
    let what = if subset.is_empty() {
        let why = match case.mesh.service(&host) {
            Some(_) => format!(
                "port {port} of {}, which that service does not have",
                case.short(&host)
            ),
            None => format!("host {}, which no Service or ServiceEntry has", case.short(&host)),
        };
        format!("{object} sends {share} to {why}")
    } else {
        let short = case.short(&host);
        let defined = case
            .client()
            .map(|client| case.mesh.subsets(host.as_str(), client))
            .unwrap_or_default();
        let rest = match defined.len() {
            0 => format!("no DestinationRule defines any subset of {short}"),
            _ => format!(
                "no DestinationRule defines it: subsets of {short} are {}",
                list(defined)
            ),
        };
        format!("{object} sends {share} to subset {subset} of {short}, but {rest}")
    };
    debug_assert!(!plan.clusters.contains_key(&weighted.cluster));
    let message = format!("{what}. The proxy of {caller} has no cluster for it and answers 503 (NC).");
    Some(proved(message, &place(case, origin, subset.is_empty())))
}

/// The field that names what does not exist.
fn place(case: &Case<'_>, origin: &Origin, whole: bool) -> Origin {
    let key = if whole { "host" } else { "subset" };
    let narrowed = case.narrow(origin, &["destination", key]);
    case.narrow(&narrowed, &[key])
}
