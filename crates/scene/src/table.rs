//! The map as rows, for readers who do not see it: the same nodes, calls and numbers as plain data.

use vigla_graph::{Edge, HealthState, Id, Node, Side, View};
use vigla_model::Ratio;

use crate::{Target, format, reading};

/// One node with its calls.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow {
    /// The node.
    pub target: Target,
    /// Its namespace, or what stands for one.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: HealthState,
    /// Traffic that came to it.
    pub inbound: Figures,
    /// Traffic that it sent.
    pub outbound: Figures,
    /// Whom it calls, by name.
    pub calls: Vec<CallRow>,
}

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRow {
    /// The edge.
    pub target: Target,
    /// Who is called.
    pub callee: String,
    /// Its state.
    pub state: HealthState,
    /// Connections that were refused, per second.
    pub refused: f64,
    /// Its traffic.
    pub figures: Figures,
}

/// Numbers of a row; `None` is not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Requests per second, or connections where there are no requests.
    pub rate: f64,
    /// Share of requests that failed.
    pub errors: Option<Ratio>,
    /// 95th percentile of the duration in ms.
    pub p95: Option<f64>,
    /// Share with mutual TLS.
    pub mtls: Option<Ratio>,
}

impl Figures {
    fn of(side: &Side) -> Self {
        let traffic = &side.traffic;
        Self {
            rate: if traffic.requests > 0.0 {
                traffic.requests
            } else {
                traffic.connections
            },
            errors: side.error_share(),
            p95: reading::p95(side),
            mtls: side.mtls_share(),
        }
    }

    /// Rate, errors, 95th percentile and mTLS as text.
    pub fn cells(&self) -> [String; 4] {
        [
            format::rate(self.rate),
            format::or_absent(self.errors, format::share),
            format::or_absent(self.p95, format::duration_ms),
            format::or_absent(self.mtls, format::share),
        ]
    }
}

/// Rows of all nodes, by namespace and name.
pub fn table(view: &View) -> Vec<TableRow> {
    let mut rows: Vec<TableRow> = view.nodes.values().map(|node| row(node, view)).collect();
    rows.sort_by(|a, b| (&a.namespace, &a.name, a.target).cmp(&(&b.namespace, &b.name, b.target)));
    rows
}

fn row(node: &Node, view: &View) -> TableRow {
    let mut calls: Vec<CallRow> = view
        .edges
        .values()
        .filter(|edge| edge.source == node.id)
        .map(|edge| call(edge, view))
        .collect();
    calls.sort_by(|a, b| (&a.callee, a.target).cmp(&(&b.callee, b.target)));
    TableRow {
        target: Target::Node(node.id),
        namespace: node
            .namespace
            .as_ref()
            .map_or_else(|| "outside".to_owned(), ToString::to_string),
        name: reading::name(node),
        state: node.health.state,
        inbound: Figures::of(&node.inbound),
        outbound: Figures::of(&node.outbound),
        calls,
    }
}

fn call(edge: &Edge, view: &View) -> CallRow {
    let callee = |id: &Id| view.nodes.get(id).map(reading::name);
    CallRow {
        target: Target::Edge(edge.id),
        callee: callee(&edge.target).unwrap_or_else(|| edge.target.to_string()),
        state: edge.health.state,
        refused: edge.refused,
        figures: Figures::of(&edge.shown),
    }
}
