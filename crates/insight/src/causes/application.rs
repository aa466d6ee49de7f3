//! Flags of the callee's own proxy: what happened between it and its application, or with its caller.

use vigla_graph::Why;
use vigla_model::ResponseFlag;

use crate::case::{Case, loose};

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
