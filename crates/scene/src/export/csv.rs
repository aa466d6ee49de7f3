//! One row an edge, numbers as they are: for spreadsheets and scripts.

use vigla_graph::{Id, View};
use vigla_model::{ISTIO_BOUNDS_MS, Ratio};

use super::sorted;
use crate::reading;

const COLUMNS: [&str; 18] = [
    "source_namespace",
    "source",
    "target_namespace",
    "target",
    "protocol",
    "services",
    "requests_per_second",
    "error_share",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "bytes_sent_per_second",
    "bytes_received_per_second",
    "connections_per_second",
    "refused_per_second",
    "mtls_share",
    "health",
    "why",
];

/// The edges as comma-separated values after RFC 4180, with a line of column names. What is not known is empty.
pub fn to_csv(view: &View) -> String {
    let mut text = COLUMNS.join(",") + "\r\n";
    for edge in sorted(view) {
        let traffic = &edge.shown.traffic;
        let node = |id: &Id| view.nodes.get(id);
        let namespace = |id: &Id| {
            let namespace = node(id).and_then(|node| node.namespace.as_ref());
            namespace.map(ToString::to_string).unwrap_or_default()
        };
        let name = |id: &Id| node(id).map(reading::name).unwrap_or_default();
        let services: Vec<&str> = edge.services.iter().map(vigla_model::Fqdn::as_str).collect();
        let share = |share: Option<Ratio>| number(share.map(Ratio::get));
        let quantile = |q: f64| number(traffic.latency.quantile(q, &ISTIO_BOUNDS_MS));
        let why: Vec<&str> = edge.why.iter().map(|why| why.message.as_str()).collect();
        let row: [String; COLUMNS.len()] = [
            namespace(&edge.source),
            name(&edge.source),
            namespace(&edge.target),
            name(&edge.target),
            edge.protocol.to_string(),
            services.join(" "),
            number(Some(traffic.requests)),
            share(edge.shown.error_share()),
            quantile(0.5),
            quantile(0.95),
            quantile(0.99),
            number(Some(traffic.bytes_sent)),
            number(Some(traffic.bytes_received)),
            number(Some(traffic.connections)),
            number(Some(edge.refused)),
            share(edge.shown.mtls_share()),
            edge.health.state.as_str().to_owned(),
            why.join(" "),
        ];
        let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// Six significant digits are more than a window of scrapes can tell.
fn number(value: Option<f64>) -> String {
    let Some(value) = value else {
        return String::new();
    };
    let digits = value.abs().log10().floor().clamp(-9.0, 5.0);
    let places = if value == 0.0 { 0 } else { (5.0 - digits) as usize };
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Quoted where it must be; what a spreadsheet would take for a formula starts with an apostrophe.
fn quoted(cell: &str) -> String {
    let formula =
        cell.starts_with(['=', '+', '@']) || (cell.starts_with('-') && cell.parse::<f64>().is_err());
    let cell = if formula {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}
