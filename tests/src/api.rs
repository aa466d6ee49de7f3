//! The graph of the API by names that tests can write down, instead of ids.

use std::{collections::BTreeMap, fmt};

use vigla_api::{Edge, Graph, Node};

/// What a person calls a node: `bookinfo/reviews-v1`, `service bookinfo/reviews`, `unknown (legacy/batch-report?)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub String);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Name {
    fn of(node: &Node) -> Self {
        let namespace = node.namespace.as_deref().unwrap_or("?");
        let named = |name: &Option<String>| name.as_deref().map(|name| format!("{namespace}/{name}"));
        Self(match (node.kind.as_str(), &node.guess) {
            ("unknown", Some(guess)) => format!("unknown ({}/{}?)", guess.namespace, guess.workload),
            ("unknown", None) => "unknown".to_owned(),
            ("service", _) => format!("service {}", named(&node.service).unwrap_or_default()),
            (kind, _) => named(&node.workload)
                .or_else(|| named(&node.app))
                .or_else(|| named(&node.service))
                .unwrap_or_else(|| format!("{kind} without a name")),
        })
    }
}

/// Looking things up in a graph.
pub trait GraphExt {
    /// Names of all nodes by id.
    fn names(&self) -> BTreeMap<&str, Name>;
    /// All edges by the names of their ends and their protocol, as `SOURCE -> TARGET PROTOCOL`.
    fn edges_by_name(&self) -> BTreeMap<String, &Edge>;
    /// The edges from one to another, whatever their protocol.
    fn edges_between(&self, source: &str, target: &str) -> Vec<&Edge>;
    /// The node of this name.
    fn node(&self, name: &str) -> Option<&Node>;
}

impl GraphExt for Graph {
    fn names(&self) -> BTreeMap<&str, Name> {
        self.nodes
            .iter()
            .map(|node| (node.id.as_str(), Name::of(node)))
            .collect()
    }

    fn edges_by_name(&self) -> BTreeMap<String, &Edge> {
        let names = self.names();
        let name = |id: &String| names.get(id.as_str()).map_or("missing", |name| name.0.as_str());
        let named = |edge: &Edge| {
            format!(
                "{} -> {} {}",
                name(&edge.source),
                name(&edge.target),
                edge.protocol
            )
        };
        self.edges.iter().map(|edge| (named(edge), edge)).collect()
    }

    fn edges_between(&self, source: &str, target: &str) -> Vec<&Edge> {
        let start = format!("{source} -> {target} ");
        self.edges_by_name()
            .into_iter()
            .filter(|(name, _)| name.starts_with(&start))
            .map(|(_, edge)| edge)
            .collect()
    }

    fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| Name::of(node).0 == name)
    }
}

/// Reading an edge.
pub trait EdgeExt {
    /// Requests a second; zero when there are none.
    fn rate(&self) -> f64;
    /// Requests a second by response code and flags, such as `503 NC`.
    fn responses(&self) -> BTreeMap<String, f64>;
}

impl EdgeExt for Edge {
    fn rate(&self) -> f64 {
        self.traffic.requests_per_second.unwrap_or(0.0)
    }

    fn responses(&self) -> BTreeMap<String, f64> {
        let mut responses = BTreeMap::new();
        for response in &self.traffic.responses {
            *responses
                .entry(format!("{} {}", response.code, response.flags))
                .or_default() += response.requests_per_second;
        }
        responses
    }
}
