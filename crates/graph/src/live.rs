//! The live graph: one petgraph, kept from refresh to refresh.

use std::collections::BTreeMap;

use petgraph::{
    Direction,
    stable_graph::{EdgeIndex, NodeIndex, StableDiGraph},
};
use vigla_model::Timestamp;

use crate::{Edge, Grain, GroupBox, Id, Identities, Node, TrafficWindow, View, build, id::ById};

/// The graph at the finest grain. Indices of nodes and edges stay the same while these exist.
#[derive(Debug, Clone)]
pub struct Graph {
    graph: StableDiGraph<Node, Edge>,
    nodes: ById<Id, NodeIndex>,
    edges: ById<Id, EdgeIndex>,
    boxes: BTreeMap<Id, GroupBox>,
    at: Timestamp,
    window: std::time::Duration,
}

impl Graph {
    /// Builds the graph of what was counted in these windows (one for each source of metrics), completed by what is
    /// known of the mesh. Idle workloads and edges are part of it: see [`View::without_idle`].
    pub fn build(windows: &[TrafficWindow], mesh: &dyn Identities) -> Self {
        let mut graph = Self {
            graph: StableDiGraph::new(),
            nodes: ById::default(),
            edges: ById::default(),
            boxes: BTreeMap::new(),
            at: Timestamp(0),
            window: std::time::Duration::ZERO,
        };
        graph.update(windows, mesh);
        graph
    }

    /// Brings the graph to what was counted in newer windows.
    pub fn update(&mut self, windows: &[TrafficWindow], mesh: &dyn Identities) {
        self.replace(build::finest(windows, mesh).view);
    }

    /// Takes over a finest view: what is in it is added or changed, the rest goes.
    pub fn replace(&mut self, view: View) {
        debug_assert_eq!(view.grain, Grain::Finest, "the graph lives at the finest grain");
        let Self {
            graph, nodes, edges, ..
        } = self;
        if edges.is_empty() {
            // Grown step by step it would be copied as often: a node or an edge is most of a kilobyte.
            graph.reserve_nodes(view.nodes.len());
            graph.reserve_edges(view.edges.len());
            nodes.reserve(view.nodes.len());
            edges.reserve(view.edges.len());
        }
        for (_, index) in edges.extract_if(|id, _| !view.edges.contains_key(id)) {
            graph.remove_edge(index);
        }
        for (_, index) in nodes.extract_if(|id, _| !view.nodes.contains_key(id)) {
            graph.remove_node(index);
        }
        for (id, node) in view.nodes {
            match nodes.get(&id) {
                Some(index) => graph[*index] = node,
                None => drop(nodes.insert(id, graph.add_node(node))),
            }
        }
        for (id, edge) in view.edges {
            match edges.get(&id) {
                Some(index) => graph[*index] = edge,
                None => {
                    let ends = (nodes[&edge.source], nodes[&edge.target]);
                    edges.insert(id, graph.add_edge(ends.0, ends.1, edge));
                }
            }
        }
        self.boxes = view.boxes;
        (self.at, self.window) = (view.at, view.window);
    }

    /// The whole graph as a view at the finest grain.
    pub fn view(&self) -> View {
        View {
            grain: Grain::Finest,
            at: self.at,
            window: self.window,
            nodes: self
                .graph
                .node_weights()
                .map(|node| (node.id, node.clone()))
                .collect(),
            edges: self
                .graph
                .edge_weights()
                .map(|edge| (edge.id, edge.clone()))
                .collect(),
            boxes: self.boxes.clone(),
        }
    }

    /// The whole graph as a view at the finest grain, for who needs nothing else of it.
    pub fn into_view(mut self) -> View {
        let nodes = self.graph.node_weights_mut().map(|node| {
            let empty = Node::new(node.id, node.kind);
            (node.id, std::mem::replace(node, empty))
        });
        let nodes = nodes.collect();
        let edges = self.graph.edge_weights_mut().map(|edge| {
            let empty = Edge::new(edge.id, edge.source, edge.target, edge.protocol);
            (edge.id, std::mem::replace(edge, empty))
        });
        View {
            grain: Grain::Finest,
            at: self.at,
            window: self.window,
            nodes,
            edges: edges.collect(),
            boxes: self.boxes,
        }
    }

    /// A node.
    pub fn node(&self, id: Id) -> Option<&Node> {
        Some(&self.graph[*self.nodes.get(&id)?])
    }

    /// Edges by which a node is called.
    pub fn incoming(&self, id: Id) -> impl Iterator<Item = &Edge> {
        self.beside(id, Direction::Incoming)
    }

    /// Edges by which a node calls.
    pub fn outgoing(&self, id: Id) -> impl Iterator<Item = &Edge> {
        self.beside(id, Direction::Outgoing)
    }

    /// The petgraph itself, for algorithms.
    pub fn as_petgraph(&self) -> &StableDiGraph<Node, Edge> {
        &self.graph
    }

    fn beside(&self, id: Id, direction: Direction) -> impl Iterator<Item = &Edge> {
        let index = self.nodes.get(&id).copied();
        index
            .into_iter()
            .flat_map(move |index| self.graph.edges_directed(index, direction))
            .map(|edge| edge.weight())
    }
}
