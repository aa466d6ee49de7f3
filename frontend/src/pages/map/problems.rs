//! What needs a person on this map, worst first.

use vigla_api::Graph;

use crate::{address::Selection, words::State};

/// Failing and degraded things by harm: calls before nodes, because a call has the cause.
pub(crate) fn problems(graph: &Graph) -> Vec<Selection> {
    let mut found: Vec<(State, f64, bool, Selection)> = Vec::new();
    for edge in &graph.edges {
        let state = State::of(&edge.health);
        let harm = edge.traffic.requests_per_second.unwrap_or(0.0) * edge.traffic.error_share.unwrap_or(0.0)
            + edge.refused_per_second.unwrap_or(0.0);
        found.push((state, harm, true, Selection::Edge(edge.id.clone())));
    }
    for node in &graph.nodes {
        let inbound = node.inbound.as_ref();
        let harm = inbound
            .and_then(|t| Some(t.requests_per_second? * t.error_share?))
            .unwrap_or(0.0);
        found.push((
            State::of(&node.health),
            harm,
            false,
            Selection::Node(node.id.clone()),
        ));
    }
    found.retain(|(state, ..)| state.is_problem());
    found.sort_by(|a, b| {
        b.0.cmp(&a.0)
            .then(b.2.cmp(&a.2))
            .then(b.1.total_cmp(&a.1))
            .then_with(|| a.3.to_string().cmp(&b.3.to_string()))
    });
    found.into_iter().map(|(.., selection)| selection).collect()
}

/// The problem after the selected one; the worst when none is selected.
pub(crate) fn next(problems: &[Selection], selected: Option<&Selection>) -> Option<Selection> {
    let at = selected.and_then(|selected| problems.iter().position(|problem| problem == selected));
    problems
        .get(at.map_or(0, |at| (at + 1) % problems.len()))
        .cloned()
}

/// How many nodes are in each state, worst first, and how many calls go in plain text.
pub(crate) fn tally(graph: &Graph) -> Vec<(State, usize)> {
    State::WORST_FIRST
        .into_iter()
        .map(|state| {
            (
                state,
                graph
                    .nodes
                    .iter()
                    .filter(|node| State::of(&node.health) == state)
                    .count(),
            )
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigla_api::{Edge, Health, Node, Traffic};

    #[test]
    fn calls_with_the_most_harm_come_first() {
        let health = |state: &str| Health {
            state: state.into(),
            why: vec![],
        };
        let edge = |id: &str, state, rate, share| Edge {
            id: id.into(),
            health: health(state),
            traffic: Traffic {
                requests_per_second: Some(rate),
                error_share: Some(share),
                ..Traffic::default()
            },
            ..Edge::default()
        };
        let graph = Graph {
            nodes: vec![Node {
                id: "n".into(),
                health: health("failing"),
                ..Node::default()
            }],
            edges: vec![
                edge("ok", "ok", 900.0, 0.0),
                edge("small", "failing", 1.0, 1.0),
                edge("large", "failing", 48.0, 0.1),
                edge("slow", "degraded", 999.0, 0.05),
            ],
            ..Graph::default()
        };
        let found = problems(&graph);
        let texts: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["edge:large", "edge:small", "node:n", "edge:slow"]);
        assert_eq!(next(&found, None), Some(found[0].clone()));
        assert_eq!(next(&found, Some(&found[3])), Some(found[0].clone()));
        assert_eq!(next(&[], None), None);
        assert_eq!(tally(&graph), [(State::Failing, 1)]);
    }
}
