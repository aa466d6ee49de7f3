//! `UT`: a timeout passed before the answer came.

use vigla_graph::Why;

use crate::case::{Case, proved};

pub(crate) fn explain(case: &Case<'_>) -> Vec<Why> {
    let services = case.services();
    let limits = case.forwards().filter_map(|(route, forward)| {
        let origin = route.origin.as_ref()?;
        let per_try = forward.retry.as_ref().and_then(|retry| retry.per_try_timeout);
        let (limit, keys): (_, &[&str]) = match (forward.timeout, per_try) {
            // The narrower one passes first.
            (Some(whole), Some(per_try)) if per_try < whole => (per_try, &["retries", "perTryTimeout"]),
            (Some(whole), _) => (whole, &["timeout"]),
            (None, Some(per_try)) => (per_try, &["retries", "perTryTimeout"]),
            (None, None) => return None,
        };
        let origin = case.narrow(origin, keys);
        let message = format!(
            "{} gives requests to {services} {limit:?}; they took longer, and the proxy of {} answers 504 (UT).",
            origin.object,
            case.caller()
        );
        Some(proved(message, &origin))
    });
    limits.collect()
}
