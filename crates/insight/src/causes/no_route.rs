//! `NR` at the caller: no virtual host or no route takes the request.

use vigla_config::Attachment;
use vigla_graph::{NodeKind, Why};

use crate::case::{Case, likely, list, loose};

pub(crate) fn explain(case: &Case<'_>) -> Vec<Why> {
    if case.source.kind == NodeKind::Gateway {
        return vec![gateway(case)];
    }
    let Some(client) = case.client() else {
        return Vec::new();
    };
    let rules = case.edge.services.iter().filter_map(|host| {
        let rule = case
            .mesh
            .virtual_services(host, client, Attachment::Mesh)
            .into_iter()
            .next()?;
        Some((host, rule))
    });
    let found: Vec<Why> = rules
        .map(|(host, rule)| {
            let object = rule.object();
            let origin = object.spec().and_then(|spec| spec.get("http")).map(|http| object.origin_of(http));
            let message = format!(
                "No rule of {} takes these requests to {}, and it has none without conditions. The proxy of {} \
                 answers 404 (NR).",
                object.object_ref(),
                case.short(host),
                case.caller()
            );
            likely(message, &origin.unwrap_or_else(|| object.origin()))
        })
        .collect();
    if !found.is_empty() || !case.edge.services.is_empty() {
        return found;
    }
    vec![loose(format!(
        "{} calls a host that the mesh does not have: no Service or ServiceEntry has its name and port. Its proxy \
         answers 404 (NR).",
        case.caller()
    ))]
}

fn gateway(case: &Case<'_>) -> Why {
    let name = case.caller();
    let labels = (|| {
        let (namespace, workload) = (case.source.namespace.as_ref()?, case.source.workload.as_ref()?);
        Some(&case.mesh.workload(namespace, workload)?.labels)
    })();
    let gateways: Vec<_> = labels
        .into_iter()
        .flat_map(|labels| case.mesh.gateways_of(labels))
        .map(vigla_config::Gateway::object)
        .collect();
    let words = "host or path that no VirtualService of this gateway takes. The gateway answers 404 (NR).";
    match gateways.first() {
        Some(first) => {
            let all = list(gateways.iter().map(|gateway| gateway.object_ref()));
            likely(
                format!("Requests came to {name} ({all}) for a {words}"),
                &first.origin(),
            )
        }
        None => loose(format!("Requests came to {name} for a {words}")),
    }
}
