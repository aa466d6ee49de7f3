//! A graph and the deltas that keep it new.

use vigla_api::{Change, Edge, Graph, GraphDelta, GroupBox, Node};

/// A delta that does not follow from the graph at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap;

/// Applies a delta in place. Order of what stays is kept, so rows and keys do not jump.
pub(crate) fn apply(graph: &mut Graph, delta: GraphDelta) -> Result<(), Gap> {
    if delta.previous != graph.revision {
        return Err(Gap);
    }
    change(&mut graph.nodes, delta.nodes, |node: &Node| &node.id);
    change(&mut graph.edges, delta.edges, |edge: &Edge| &edge.id);
    change(&mut graph.boxes, delta.boxes, |group: &GroupBox| &group.id);
    graph.revision = delta.revision;
    graph.at = delta.at;
    graph.degraded = delta.degraded;
    Ok(())
}

fn change<T>(things: &mut Vec<T>, change: Change<T>, id: impl Fn(&T) -> &String) {
    let gone: std::collections::HashSet<String> = change.gone.into_iter().collect();
    things.retain(|thing| !gone.contains(id(thing)));
    let places: std::collections::HashMap<String, usize> = things
        .iter()
        .enumerate()
        .map(|(at, thing)| (id(thing).clone(), at))
        .collect();
    for thing in change.set {
        match places.get(id(&thing)) {
            Some(&at) => things[at] = thing,
            None => things.push(thing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, workload: &str) -> Node {
        Node {
            id: id.into(),
            workload: Some(workload.into()),
            ..Node::default()
        }
    }

    #[test]
    fn what_stays_keeps_its_place() {
        let mut graph = Graph {
            revision: "e:1".into(),
            nodes: vec![node("a", "old"), node("b", "old"), node("c", "old")],
            ..Graph::default()
        };
        let delta = GraphDelta {
            previous: "e:1".into(),
            revision: "e:2".into(),
            nodes: Change {
                set: vec![node("d", "new"), node("c", "new")],
                gone: vec!["a".into()],
            },
            ..GraphDelta::default()
        };
        assert_eq!(apply(&mut graph, delta), Ok(()));
        let names: Vec<_> = graph
            .nodes
            .iter()
            .map(|n| (n.id.as_str(), n.workload.as_deref().unwrap()))
            .collect();
        assert_eq!(names, [("b", "old"), ("c", "new"), ("d", "new")]);
        assert_eq!(graph.revision, "e:2");
    }

    #[test]
    fn a_delta_of_another_revision_is_a_gap_and_changes_nothing() {
        let mut graph = Graph {
            revision: "e:1".into(),
            nodes: vec![node("a", "x")],
            ..Graph::default()
        };
        let before = graph.clone();
        let delta = GraphDelta {
            previous: "e:7".into(),
            nodes: Change {
                set: vec![],
                gone: vec!["a".into()],
            },
            ..GraphDelta::default()
        };
        assert_eq!(apply(&mut graph, delta), Err(Gap));
        assert_eq!(graph, before);
    }
}
