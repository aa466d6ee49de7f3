//! One file for each kind of trouble.

mod answers;
mod application;
mod attempts;
mod conditions;
mod connection;
mod denied;
mod fault;
mod no_cluster;
mod no_endpoint;
mod no_route;
mod refused;
mod retries;
mod timeout;

use vigla_graph::Why;
use vigla_model::ResponseFlag;

use crate::case::{Case, loose};

/// More causes than this on one edge tell less, not more.
const MOST: usize = 6;

/// All causes of what is seen on an edge, the proxies' refusals first. Each once.
pub(crate) fn find(case: &Case<'_>) -> Vec<Why> {
    let mut causes = Vec::new();
    if case.edge.refused > 0.0 {
        causes.push(refused::explain(case));
    }
    if wants_policy(case) {
        causes.append(&mut denied::explain(case));
    }
    // Before the failures that it leads to.
    causes.append(&mut attempts::explain(case));
    let flags = case.callers_flags();
    for flag in &flags {
        let mut found = match flag {
            ResponseFlag::NoCluster => no_cluster::explain(case),
            ResponseFlag::NoRoute => no_route::explain(case),
            ResponseFlag::NoHealthyUpstream => no_endpoint::explain(case),
            ResponseFlag::UpstreamFailure => connection::explain(case, *flag),
            // A callee that refused the connection said why above.
            ResponseFlag::UpstreamClosed if case.edge.refused > 0.0 => continue,
            ResponseFlag::UpstreamClosed => connection::explain(case, *flag),
            ResponseFlag::UpstreamTimeout => timeout::explain(case),
            ResponseFlag::FaultAbort | ResponseFlag::FaultDelay => fault::explain(case, *flag),
            ResponseFlag::DownstreamClosed | ResponseFlag::DownstreamReset => {
                vec![application::gave_up(case, *flag)]
            }
            // It comes with the flag of the last try, which says more.
            ResponseFlag::RetriesExceeded if flags.len() > 1 => continue,
            ResponseFlag::RetriesExceeded => retries::explain(case),
            _ => Vec::new(),
        };
        if found.is_empty() {
            found.push(unexplained(case, *flag));
        }
        causes.append(&mut found);
    }
    for flag in case.callees_flags() {
        causes.push(application::explain(case, flag));
    }
    if fails_by_itself(case) {
        causes.extend(answers::explain(case));
    }
    // Last, because it is no trouble.
    if conditions::decide(case) {
        causes.append(&mut conditions::explain(case));
    }
    let mut seen: Vec<Why> = Vec::new();
    for why in causes {
        if !seen.contains(&why) && seen.len() < MOST {
            seen.push(why);
        }
    }
    seen
}

/// Whether there is something on the edge that no flag tells.
pub(crate) fn is_unflagged(case: &Case<'_>) -> bool {
    wants_policy(case)
        || fails_by_itself(case)
        || attempts::per_call(case).is_some()
        || conditions::decide(case)
}

fn wants_policy(case: &Case<'_>) -> bool {
    case.callee_answered(denied::is_refusal)
}

fn fails_by_itself(case: &Case<'_>) -> bool {
    case.callee_answered(answers::is_failure)
}

/// The proxy's own word, where nothing in the config explains it.
fn unexplained(case: &Case<'_>, flag: ResponseFlag) -> Why {
    let (caller, services) = (case.caller(), case.services());
    let (short, words) = (flag.short(), flag.words());
    loose(format!(
        "The proxy of {caller} says of requests to {services}: {words} ({short}). Nothing in the config as it is now \
         explains it; it may have changed within the window."
    ))
}
