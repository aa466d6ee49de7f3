//! `UF` and `UC` at the caller: the connection failed, or was closed before an answer came. Mostly both ends
//! disagree about TLS, or nobody listens.

use vigla_config::MtlsMode;
use vigla_dataplane::{Cluster, UpstreamTls};
use vigla_graph::Why;
use vigla_model::{Origin, ResponseFlag};

use crate::case::{Case, likely, loose};

pub(crate) fn explain(case: &Case<'_>, flag: ResponseFlag) -> Vec<Why> {
    let disagreement: Vec<Why> = case
        .clusters()
        .filter_map(|cluster| disagreement(case, cluster, flag))
        .collect();
    if !disagreement.is_empty() {
        return disagreement;
    }
    let (caller, called, short) = (case.caller(), case.called(), flag.short());
    vec![loose(match flag {
        ResponseFlag::UpstreamFailure => format!(
            "The proxy of {caller} could not connect to {called}: nothing listens at its address, or it is not \
             reachable ({short})."
        ),
        _ => format!(
            "{called} closed the connection to {caller} before it answered ({short}): it may have ended or started \
             again."
        ),
    })]
}

/// Whether the caller speaks what the callee does not take.
fn disagreement(case: &Case<'_>, cluster: &Cluster, flag: ResponseFlag) -> Option<Why> {
    let service = case.mesh.service(cluster.service.as_ref()?)?;
    let mut parts = cluster.name.split('|').skip(1);
    let port = service.port(parts.next()?.parse().ok()?)?;
    let subset = parts.next().filter(|subset| !subset.is_empty());
    let policy = case.mesh.destination_rule(&service.fqdn, case.client()?);
    let rule = policy
        .as_ref()
        .and_then(|policy| policy.tls_mode(port.port, subset));
    let origin = rule.map(|(_, rule, node)| rule.origin(node));
    for instance in case.mesh.instances_behind(service) {
        if case
            .target
            .workload
            .as_ref()
            .is_some_and(|workload| *workload != instance.workload)
        {
            continue;
        }
        let Some(container_port) = case.mesh.container_port(instance, port) else {
            continue;
        };
        let taken = case
            .mesh
            .peer_authentication(&instance.namespace, &instance.labels, container_port);
        let strict = taken.mode == MtlsMode::Strict && instance.sidecar.is_some();
        let plain = taken.mode == MtlsMode::Disable || instance.sidecar.is_none();
        let (workload, short) = (&instance.workload, flag.short());
        let decides = |origin: Option<&Origin>| {
            origin
                .map(|origin| format!(" ({})", origin.object))
                .unwrap_or_default()
        };
        match &cluster.tls {
            UpstreamTls::None if strict => {
                let (ours, theirs) = (decides(origin.as_ref()), decides(taken.origin.as_ref()));
                let message = format!(
                    "{} calls in plain text{ours}, but {workload} takes mutual TLS only{theirs}: the connection fails \
                     ({short}).",
                    case.caller()
                );
                return Some(likely(message, origin.as_ref().or(taken.origin.as_ref())?));
            }
            UpstreamTls::Mesh { auto: false, .. } if plain => {
                let why = match instance.sidecar {
                    None => "has no sidecar".to_owned(),
                    Some(_) => format!("takes plain text only{}", decides(taken.origin.as_ref())),
                };
                let message = format!(
                    "{} calls with mutual TLS{}, but {workload} {why}: the handshake fails ({short}).",
                    case.caller(),
                    decides(origin.as_ref())
                );
                return Some(likely(message, origin.as_ref()?));
            }
            UpstreamTls::None | UpstreamTls::Mesh { .. } | UpstreamTls::Simple(_) => (),
        }
    }
    None
}
