//! Failures without a flag: the callee's application answers so itself. What a DestinationRule does about it is named.

use std::collections::BTreeSet;

use vigla_graph::{ResponseKey, Why};
use vigla_model::Ratio;

use super::denied;
use crate::case::{Case, likely, list, loose};

/// Whether an answer is a failure that a proxy has no word for.
pub(crate) fn is_failure(key: &ResponseKey) -> bool {
    key.flags.is_empty() && key.failed() && !denied::is_refusal(key) && key.code != Some(0)
}

pub(crate) fn explain(case: &Case<'_>) -> Option<Why> {
    let side = case.callees_side()?;
    let failed = side.responses.iter().filter(|(key, _)| is_failure(key));
    let failed: Vec<(&ResponseKey, f64)> = failed.map(|(key, rate)| (key, *rate)).collect();
    let rate: f64 = failed.iter().map(|(_, rate)| rate).sum();
    let share = Ratio::of(rate, side.traffic.requests)?;
    let answers: BTreeSet<String> = failed
        .iter()
        .map(|(key, _)| match (key.grpc_status, key.code) {
            (Some(status), _) => format!("gRPC status {status}"),
            (None, code) => code.map_or_else(String::new, |code| code.to_string()),
        })
        .collect();
    let (called, answers) = (case.called(), list(answers));
    let itself = format!(
        "The application of {called} answers {share} of the requests of {} with {answers} itself: no proxy has a word \
         for it.",
        case.caller()
    );
    let ejection = case.clusters().find_map(|cluster| {
        let outlier = cluster.outlier.as_ref()?;
        Some((outlier.consecutive_5xx?, outlier, outlier.origin.as_ref()?))
    });
    Some(match ejection {
        Some((count, outlier, origin)) => likely(
            format!(
                "{itself} {} ejects an endpoint after {count} failures in a row for {:?} (at most {} % of the \
                 endpoints).",
                origin.object, outlier.base_ejection_time, outlier.max_ejection_percent
            ),
            origin,
        ),
        None => loose(itself),
    })
}
