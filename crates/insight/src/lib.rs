//! *Why*: what is seen on edges joined with the config that decides it, as a sentence, an object and a line.
//!
//! The proxies' own word comes first: response flags and refused connections say what happened, and plans (the same
//! that the proxies run) say which rule did it. What fits but is not proved is called likely. Pure: it sees a view,
//! the [`Snapshot`] and plans, no clock and no network.

mod case;
mod causes;

use std::sync::Arc;

use vigla_config::Snapshot;
use vigla_dataplane::Plan;
use vigla_graph::{Id, View, Why};

use case::Case;

/// The plan of a workload's proxy, by namespace and name; `None` when it has none, or nobody knows it.
pub type PlanOf<'a> = &'a dyn Fn(&str, &str) -> Option<Arc<Plan>>;

/// Puts the causes of failures on the edges of a finest view. What stood there before is replaced.
///
/// Coarser views take the causes over with their edges.
pub fn explain(view: &mut View, mesh: &Snapshot, plan: PlanOf<'_>) {
    let found: Vec<(Id, Vec<Why>)> = view
        .edges
        .values()
        .filter_map(|edge| Some((edge.id, causes::find(&Case::of(edge, view, mesh, plan)?))))
        .collect();
    for edge in view.edges.values_mut() {
        edge.why.clear();
    }
    for (id, why) in found {
        if let Some(edge) = view.edges.get_mut(&id) {
            edge.why = why;
        }
    }
}

#[cfg(test)]
mod tests;
