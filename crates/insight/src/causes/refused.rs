//! Connections that no filter chain took: plain text where mutual TLS is a duty.

use vigla_config::{EffectiveMtls, MtlsMode, TargetPort, Workload};
use vigla_graph::{Confidence, NodeKind, Why};

use crate::case::{Case, loose, proved};

pub(crate) fn explain(case: &Case<'_>) -> Why {
    let called = case.called();
    let strict = case.callee().and_then(|callee| strict(case, callee));
    let Some(origin) = strict.and_then(|policy| policy.origin) else {
        return loose(format!(
            "The proxy of {called} refused connections: none of its filter chains took them. The policies in effect \
             now take plain text; they may have changed within the window."
        ));
    };
    let object = &origin.object;
    let who = caller(case);
    let message = format!(
        "{object} makes mutual TLS a duty for {called} (mode STRICT), but {who}. The proxy of {called} refuses the \
         connections."
    );
    let mut why = proved(message, &origin);
    if case.source.kind != NodeKind::Unknown && case.source.sidecar != Some(false) {
        // A caller with a sidecar could have shown a certificate: something else is at work too.
        why.confidence = Confidence::Likely;
    }
    why
}

/// The policy that takes mutual TLS only, on any port of the workload.
fn strict(case: &Case<'_>, callee: &Workload) -> Option<EffectiveMtls> {
    let written = callee.ports.iter().map(|port| port.port);
    let served = case
        .mesh
        .services_of(callee)
        .flat_map(|service| &service.ports)
        .filter_map(|port| match port.target {
            TargetPort::Number(number) => Some(number),
            TargetPort::Name(_) => None,
        });
    let policies = served.chain(written).map(|port| {
        case.mesh
            .peer_authentication(&callee.namespace, &callee.labels, port)
    });
    policies
        .into_iter()
        .find(|policy| policy.mode == MtlsMode::Strict)
}

fn caller(case: &Case<'_>) -> String {
    match (&case.source.guess, &case.source.workload) {
        (Some(guess), _) => {
            let sidecar = match case.source.sidecar {
                Some(false) => ", which has no sidecar",
                _ => "",
            };
            format!(
                "a caller without certificate speaks plain text: by its {} it is most likely {}/{}{sidecar}",
                guess.from, guess.namespace, guess.workload
            )
        }
        (None, Some(workload)) => format!("{workload} calls it in plain text"),
        (None, None) => "a caller without certificate speaks plain text; nobody knows its address".to_owned(),
    }
}
