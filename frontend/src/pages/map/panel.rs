//! The right panel: everything about the selected node or edge, and why.

mod edge;
mod header;
mod node;
mod reporters;
mod why;

use std::sync::Arc;

use leptos::prelude::*;
use vigla_api::Graph;

use crate::{
    address::{Address, History, MapState, Selection},
    components::Provenance,
    live::Mesh,
    words::time,
};
use edge::EdgePanel;
use node::NodePanel;

/// The newest graph, for the panel's parts.
pub(super) type Newest = Signal<Option<Arc<Graph>>>;

/// The panel, when something is selected.
#[component]
pub(crate) fn SelectionPanel(
    /// The newest graph.
    graph: Newest,
) -> impl IntoView {
    let address = Address::get();
    let state = address.state::<MapState>();
    let selection = Memo::new(move |_| state.read().selection.clone());
    let there = Memo::new(
        move |_| match (graph.read().as_ref(), selection.read().as_ref()) {
            (Some(graph), Some(Selection::Node(id))) => graph.nodes.iter().any(|node| node.id == *id),
            (Some(graph), Some(Selection::Edge(id))) => graph.edges.iter().any(|edge| edge.id == *id),
            _ => false,
        },
    );
    let forget = move |_| address.change::<MapState>(History::Replace, |map| map.selection = None);
    move || {
        let selection = selection.get()?;
        let body = match (there.get(), selection) {
            (true, Selection::Node(id)) => view! { <NodePanel graph=graph id=id/> }.into_any(),
            (true, Selection::Edge(id)) => view! { <EdgePanel graph=graph id=id/> }.into_any(),
            (false, _) if graph.with_untracked(Option::is_none) => return None,
            (false, _) => view! {
                <section><p class="quiet">"What the address selects is not on this map: it had no traffic in this window, stands for something else in this view, or is out of scope."</p>
                <button type="button" class="btn" on:click=forget>"Select nothing"</button></section>
            }
            .into_any(),
        };
        Some(view! { <aside class="side map-panel" aria-label="Selection">{body}</aside> })
    }
}

/// Provenance of numbers of the graph that `source` counted.
pub(super) fn provenance_of(
    graph: Newest,
    source: impl Fn() -> String + Send + Sync + 'static,
) -> Signal<Option<Provenance>> {
    Signal::derive(move || {
        let graph = graph.read();
        let graph = graph.as_ref()?;
        Some(Provenance {
            window_seconds: graph.window_seconds,
            source: source(),
            at: time::parse(&graph.at),
        })
    })
}

/// Provenance of numbers that both proxies may have counted.
pub(super) fn provenance_of_all(graph: Newest) -> Signal<Option<Provenance>> {
    let mesh = Mesh::get();
    provenance_of(graph, move || mesh.metrics_source())
}
