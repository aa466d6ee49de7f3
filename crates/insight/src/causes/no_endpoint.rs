//! `UH`: a cluster has no endpoint, or none that is ready.

use vigla_dataplane::{Cluster, Plan};
use vigla_graph::Why;

use crate::case::{Case, proved};

pub(crate) fn explain(case: &Case<'_>) -> Vec<Why> {
    let Some(plan) = case.plan() else {
        return Vec::new();
    };
    case.clusters()
        .filter_map(|cluster| cause(case, plan, cluster))
        .collect()
}

fn cause(case: &Case<'_>, plan: &Plan, cluster: &Cluster) -> Option<Why> {
    let endpoints = &plan.endpoints.get(&cluster.name)?.endpoints;
    if endpoints.iter().any(|endpoint| endpoint.healthy) {
        return None;
    }
    let origin = cluster.origin.as_ref()?;
    let service = case.mesh.service(cluster.service.as_ref()?)?;
    let name = case.short(&service.fqdn);
    let subset = cluster.name.split('|').nth(2).filter(|subset| !subset.is_empty());
    let whose = match subset {
        Some(subset) => format!("subset {subset} of {name}"),
        None => name,
    };
    let answer = format!("The proxy of {} answers 503 (UH).", case.caller());
    if !endpoints.is_empty() {
        let (count, origin) = (endpoints.len(), service.object.origin());
        let ready = match count {
            1 => "The only instance".to_owned(),
            count => format!("None of the {count} instances"),
        };
        let is = if count == 1 { "is not ready" } else { "is ready" };
        return Some(proved(format!("{ready} behind {whose} {is}. {answer}"), &origin));
    }
    Some(match subset {
        Some(_) => {
            let origin = case.narrow(origin, &["labels"]);
            proved(
                format!(
                    "No instance has the labels of {whose} ({}). {answer}",
                    origin.object
                ),
                &origin,
            )
        }
        None => {
            let selector = service.object.spec().and_then(|spec| spec.get("selector"));
            let origin =
                selector.map_or_else(|| service.object.origin(), |node| service.object.origin_of(node));
            proved(
                format!(
                    "No instance has the labels that {} selects. {answer}",
                    origin.object
                ),
                &origin,
            )
        }
    })
}
