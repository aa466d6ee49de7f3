//! The left panel of the map: scope, what nodes stand for, labels, what is shown.

use std::sync::Arc;

use leptos::prelude::*;
use vigla_api::Graph;

use super::VIEW_WORDS;
use crate::{
    address::{Address, EdgeLabel, Hidden, History, MapState},
    components::segmented,
    shell::ScopeList,
    words::number,
};

const LABEL_WORDS: &[(EdgeLabel, &str)] = &[
    (EdgeLabel::Rate, "Rate"),
    (EdgeLabel::P95, "p95"),
    (EdgeLabel::Errors, "Err"),
    (EdgeLabel::Share, "Share"),
];

/// The panel.
#[component]
pub(super) fn Side(graph: Signal<Option<Arc<Graph>>>) -> impl IntoView {
    let address = Address::get();
    let state = address.state::<MapState>();
    let view = Signal::derive(move || state.read().view);
    let label = Signal::derive(move || state.read().label);
    let protocols = move || {
        graph.read().as_ref().map(|graph| {
            by_protocol(graph).into_iter().map(|(name, sum)| view! { <div class="row"><dt>{name}</dt><dd class="check-n">{sum}</dd></div> }).collect_view()
        })
    };
    view! {
        <aside class="side left map-side" aria-label="Scope and display">
            <section><h2>"Scope"</h2><ScopeList/></section>
            <section><h2>"Nodes"</h2>
                {segmented("Nodes", VIEW_WORDS, view, move |view| address.change::<MapState>(History::Add, |map| {
                    map.view = view;
                    // Another view has other nodes, so a selection and a place in the old one lead nowhere.
                    map.selection = None;
                    map.look = None;
                }))}
            </section>
            <section><h2>"Edge label"</h2>
                {segmented("Edge label", LABEL_WORDS, label, move |label| address.change::<MapState>(History::Replace, |map| map.label = label))}
                <dl class="protocols">{protocols}</dl>
            </section>
            <section><h2>"Show"</h2>
                {show("mTLS locks", |hidden| &mut hidden.locks)}
                {show("Rule badges", |hidden| &mut hidden.badges)}
            </section>
        </aside>
    }
}

fn show(words: &'static str, field: fn(&mut Hidden) -> &mut bool) -> impl IntoView {
    let address = Address::get();
    let state = address.state::<MapState>();
    let shown = move || {
        let mut hidden = state.read().hidden;
        !*field(&mut hidden)
    };
    let toggle = move |_| {
        address.change::<MapState>(History::Replace, |map| {
            let hidden = field(&mut map.hidden);
            *hidden = !*hidden;
        });
    };
    view! { <label class="check"><input type="checkbox" prop:checked=shown on:change=toggle/><span>{words}</span></label> }
}

/// Sum of each protocol on the map.
fn by_protocol(graph: &Graph) -> Vec<(&'static str, String)> {
    let of = |protocol: &str| {
        graph
            .edges
            .iter()
            .filter(move |edge| edge.protocol == protocol)
            .collect::<Vec<_>>()
    };
    let mut sums = Vec::new();
    for (protocol, words) in [("http", "HTTP"), ("grpc", "gRPC")] {
        let edges = of(protocol);
        if !edges.is_empty() {
            sums.push((
                words,
                number::rate(
                    edges
                        .iter()
                        .filter_map(|edge| edge.traffic.requests_per_second)
                        .sum(),
                ),
            ));
        }
    }
    let tcp = of("tcp");
    if !tcp.is_empty() {
        let bytes = tcp
            .iter()
            .filter_map(|edge| edge.traffic.bytes_per_second)
            .map(|bytes| bytes.sent + bytes.received)
            .sum();
        sums.push(("TCP", number::bytes_rate(bytes)));
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigla_api::{BytesPerSecond, Edge, Traffic};

    #[test]
    fn only_protocols_on_the_map_are_summed() {
        let edge = |protocol: &str, rate: Option<f64>, bytes: Option<f64>| Edge {
            protocol: protocol.into(),
            traffic: Traffic {
                requests_per_second: rate,
                bytes_per_second: bytes.map(|sent| BytesPerSecond { sent, received: 0.0 }),
                ..Traffic::default()
            },
            ..Edge::default()
        };
        let graph = Graph {
            edges: vec![
                edge("http", Some(1.0), None),
                edge("http", Some(2.5), None),
                edge("tcp", None, Some(84e3)),
            ],
            ..Graph::default()
        };
        assert_eq!(
            by_protocol(&graph)
                .iter()
                .map(|(name, _)| *name)
                .collect::<Vec<_>>(),
            ["HTTP", "TCP"]
        );
        assert_eq!(by_protocol(&graph)[0].1, "3.5/s");
    }
}
