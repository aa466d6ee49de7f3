//! Retries that multiply: the callee's proxy counts more requests than the caller's.

use vigla_graph::Why;

use crate::case::{Case, proved};

/// From here on the counts differ by more than the moments at which they were read.
const MANY: f64 = 1.5;

/// How many attempts there are for a call; `None` where it is not more than one, or nobody counted both.
pub(crate) fn per_call(case: &Case<'_>) -> Option<f64> {
    let calls = case.edge.by_source.as_ref()?.traffic.requests;
    let attempts = case.edge.by_destination.as_ref()?.traffic.requests;
    (calls > 0.0 && attempts / calls >= MANY).then(|| attempts / calls)
}

pub(crate) fn explain(case: &Case<'_>) -> Vec<Why> {
    let Some(per_call) = per_call(case) else {
        return Vec::new();
    };
    let (services, caller, called) = (case.services(), case.caller(), case.called());
    let rules = case.forwards().filter_map(|(route, forward)| {
        let (retry, origin) = (forward.retry.as_ref()?, route.origin.as_ref()?);
        let origin = case.narrow(origin, &["retries"]);
        if !origin.path.ends_with("retries") {
            return None;
        }
        let limit = retry
            .per_try_timeout
            .map(|limit| format!(", each after at most {limit:?}"))
            .unwrap_or_default();
        let message = format!(
            "{} allows {} retries of requests to {services}{limit}: {called} gets about {per_call:.1} attempts for each call \
             of {caller}. The two counts differ because sources count calls and destinations count attempts.",
            origin.object, retry.attempts
        );
        Some(proved(message, &origin))
    });
    rules.collect()
}
