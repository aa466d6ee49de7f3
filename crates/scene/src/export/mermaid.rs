//! Mermaid's flowcharts, which many wikis and code hosts draw.

use std::{collections::BTreeMap, fmt::Write};

use vigla_graph::{HealthState, Id, View};

use super::{Nesting, edge_text, sorted};
use crate::reading;

/// The view as a Mermaid flowchart with subgraphs for boxes.
pub fn to_mermaid(view: &View) -> String {
    let mut writer = Writer {
        text: String::from("flowchart LR\n"),
        // Short names: the ids of nodes are hashes, which nobody wants to read.
        names: BTreeMap::new(),
        states: BTreeMap::new(),
    };
    writer.inside(None, 1, &Nesting::of(view));
    for edge in sorted(view) {
        let (Some(source), Some(target)) = (writer.names.get(&edge.source), writer.names.get(&edge.target))
        else {
            continue;
        };
        let arrow = match edge_text(edge, view) {
            Some(label) => format!("-->|{}|", quoted(&label)),
            None => "-->".to_owned(),
        };
        let _ = writeln!(writer.text, "  {source} {arrow} {target}");
    }
    for (state, color) in [("failing", "#c62828"), ("degraded", "#9a6700")] {
        if let Some(names) = writer.states.get(state) {
            let _ = writeln!(writer.text, "  classDef {state} stroke:{color},color:{color}");
            let _ = writeln!(writer.text, "  class {} {state}", names.join(","));
        }
    }
    writer.text
}

struct Writer {
    text: String,
    names: BTreeMap<Id, String>,
    states: BTreeMap<&'static str, Vec<String>>,
}

impl Writer {
    fn inside(&mut self, parent: Option<Id>, depth: usize, nesting: &Nesting<'_>) {
        let indent = "  ".repeat(depth);
        for group in nesting.boxes(parent) {
            let _ = writeln!(
                self.text,
                "{indent}subgraph b{}[{}]",
                group.id,
                quoted(&group.name)
            );
            self.inside(Some(group.id), depth + 1, nesting);
            let _ = writeln!(self.text, "{indent}end");
        }
        for node in nesting.nodes(parent) {
            let name = format!("n{}", self.names.len() + 1);
            let label = format!(
                "{}<br/>{}",
                escaped(&reading::name(node)),
                escaped(&reading::second_line(node))
            );
            let _ = writeln!(self.text, "{indent}{name}[\"{label}\"]");
            if matches!(node.health.state, HealthState::Failing | HealthState::Degraded) {
                self.states
                    .entry(node.health.state.as_str())
                    .or_default()
                    .push(name.clone());
            }
            self.names.insert(node.id, name);
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Mermaid knows entities by number or name after a `#`.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => safe.push_str("#quot;"),
            '#' => safe.push_str("#35;"),
            '<' => safe.push_str("#lt;"),
            '>' => safe.push_str("#gt;"),
            _ => safe.push(c),
        }
    }
    safe
}
