//! The bar over the map: how much is drawn, what needs a person, map or table.

use std::sync::Arc;

use leptos::prelude::*;
use vigla_api::Graph;

use super::{find::FindBar, picture::Picture, problems::problems};
use crate::{
    address::{Address, Face, History, MapState},
    components::{Provenance, glyph_named, icon_small, provenance},
    live::Mesh,
    shell::{Action, Commands},
    words::{number, time},
};

/// The bar.
#[component]
pub(super) fn Bar(
    graph: Signal<Option<Arc<Graph>>>,
    picture: Picture,
    as_table: Memo<bool>,
) -> impl IntoView {
    let (address, commands, mesh) = (Address::get(), Commands::get(), Mesh::get());
    let size = move || {
        graph.read().as_ref().map(|graph| {
            format!(
                "{}, {}",
                number::counted(graph.nodes.len(), "node"),
                number::counted(graph.edges.len(), "call")
            )
        })
    };
    let count = Memo::new(move |_| graph.read().as_ref().map_or(0, |graph| problems(graph).len()));
    let of = Signal::derive(move || {
        let graph = graph.read();
        let graph = graph.as_ref()?;
        Some(Provenance {
            window_seconds: graph.window_seconds,
            source: mesh.metrics_source(),
            at: time::parse(&graph.at),
        })
    });
    let calm = move || {
        let counted = graph.read().as_ref().is_some_and(|graph| !graph.edges.is_empty());
        counted.then_some("nothing needs attention")
    };
    let face = move |face| move |_| address.change::<MapState>(History::Add, |map| map.face = face);
    let (found, left_out) = (picture.found, picture.left_out);
    view! {
        <div class="map-bar float">
            <FindBar found=found hidden=Memo::new(move |_| left_out.get())/>
            <span class="tag map-size">{size}</span>
            <Show when=move || { count.get() > 0 } fallback=move || view! { <span class="quiet map-well">{calm}</span> }>
                <button type="button" class="btn problem" title="Next problem (P)" on:click=move |_| commands.send(Action::NextProblem)>
                    {glyph_named("g-err", "err")}{move || number::counted(count.get(), "problem")}<kbd>"P"</kbd>
                </button>
            </Show>
            <Show when=move || picture.notice.read().is_some()>
                <span class="row warn map-notice" role="status">{glyph_named("g-warn", "warn")}{move || picture.notice.get()}</span>
            </Show>
            {provenance(of)}
            <div class="seg" role="group" aria-label="Show as">
                <button type="button" aria-pressed=move || (!as_table.get()).to_string() on:click=face(Face::Map)>{icon_small("i-map")}"Map"</button>
                <button type="button" aria-pressed=move || as_table.get().to_string() on:click=face(Face::Table)>{icon_small("i-table")}"Table"</button>
            </div>
        </div>
    }
}
