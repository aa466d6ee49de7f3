//! Flags of the callee's own proxy: what happened between it and its application, or with its caller; and callers that
//! did not wait.

use vigla_graph::{NodeKind, Why};
use vigla_model::ResponseFlag;

use crate::case::{Case, loose};

/// The caller's own proxy saw that whoever had sent the request did not wait.
pub(crate) fn gave_up(case: &Case<'_>, flag: ResponseFlag) -> Why {
    let (caller, services, short) = (case.caller(), case.services(), flag.short());
    let who = match case.source.kind {
        NodeKind::Gateway => format!("Who called through {caller}"),
        _ => format!("The application of {caller}"),
    };
    loose(format!(
        "{who} gave up before {services} had answered ({short}): its own limit is shorter, or whoever waited for it left \
         first."
    ))
}

pub(crate) fn explain(case: &Case<'_>, flag: ResponseFlag) -> Why {
    let (caller, called, short) = (case.caller(), case.called(), flag.short());
    loose(match flag {
        ResponseFlag::UpstreamFailure | ResponseFlag::NoHealthyUpstream => {
            format!(
                "The proxy of {called} cannot reach its own application: nothing listens there ({short})."
            )
        }
        ResponseFlag::UpstreamClosed | ResponseFlag::UpstreamReset => {
            format!("The application of {called} closed the connection before it answered ({short}).")
        }
        ResponseFlag::DownstreamClosed | ResponseFlag::DownstreamReset => {
            format!(
                "{caller} gave up before {called} had answered ({short}): its timeout may be shorter than the answer takes."
            )
        }
        _ => format!("The proxy of {called} says: {} ({short}).", flag.words()),
    })
}
