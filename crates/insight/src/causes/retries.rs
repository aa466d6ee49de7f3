//! `URX` alone: every try failed.

use vigla_graph::Why;

use crate::case::{Case, likely};

pub(crate) fn explain(case: &Case<'_>) -> Vec<Why> {
    let services = case.services();
    let rules = case.forwards().filter_map(|(route, forward)| {
        let (retry, origin) = (forward.retry.as_ref()?, route.origin.as_ref()?);
        let origin = case.narrow(origin, &["retries"]);
        let whose = if origin.path.ends_with("retries") {
            format!("{} allows", origin.object)
        } else {
            "Istio's default is".to_owned()
        };
        let message = format!(
            "Requests to {services} failed at the first try and at every retry ({whose} {} retries); the proxy of {} \
             passes the last failure on (URX).",
            retry.attempts,
            case.caller()
        );
        Some(likely(message, &origin))
    });
    rules.collect()
}
