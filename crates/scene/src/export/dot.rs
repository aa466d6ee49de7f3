//! Graphviz's language.

use std::fmt::Write;

use vigla_graph::{HealthState, Id, View};

use super::{Nesting, edge_text, sorted};
use crate::reading;

/// The view as a DOT digraph with clusters for boxes; states are colours, so that `dot -Tsvg` shows what matters.
pub fn to_dot(view: &View) -> String {
    let mut text = String::from(
        "digraph mesh {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=11];\n  \
         edge [fontname=\"sans-serif\", fontsize=9];\n",
    );
    inside(&mut text, None, 1, &Nesting::of(view));
    for edge in sorted(view) {
        let label = edge_text(edge, view).unwrap_or_default();
        let _ = writeln!(
            text,
            "  \"{}\" -> \"{}\" [label={}{}];",
            edge.source,
            edge.target,
            quoted(&label),
            color(edge.health.state)
        );
    }
    text.push_str("}\n");
    text
}

fn inside(text: &mut String, parent: Option<Id>, depth: usize, nesting: &Nesting<'_>) {
    let indent = "  ".repeat(depth);
    for group in nesting.boxes(parent) {
        let _ = writeln!(text, "{indent}subgraph \"cluster_{}\" {{", group.id);
        let _ = writeln!(text, "{indent}  label={};", quoted(&group.name));
        inside(text, Some(group.id), depth + 1, nesting);
        let _ = writeln!(text, "{indent}}}");
    }
    for node in nesting.nodes(parent) {
        let label = format!("{}\n{}", reading::name(node), reading::second_line(node));
        let _ = writeln!(
            text,
            "{indent}\"{}\" [label={}{}];",
            node.id,
            quoted(&label),
            color(node.health.state)
        );
    }
}

fn color(state: HealthState) -> &'static str {
    match state {
        HealthState::Failing => ", color=\"#c62828\", fontcolor=\"#c62828\"",
        HealthState::Degraded => ", color=\"#9a6700\", fontcolor=\"#9a6700\"",
        _ => "",
    }
}

fn quoted(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{text}\"")
}
