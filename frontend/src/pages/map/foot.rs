//! Legend and zoom, over the foot of the map.

use std::sync::Arc;

use leptos::prelude::*;
use vigla_api::Graph;

use super::{ZOOM_STEP, lens::Lens, problems::tally};
use crate::{
    components::{Menu, glyph, icon_small},
    words::State,
};

/// The foot.
#[component]
pub(super) fn Foot(graph: Signal<Option<Arc<Graph>>>, lens: Lens) -> impl IntoView {
    let states = move || {
        let tally = graph
            .read()
            .as_ref()
            .map(|graph| tally(graph))
            .unwrap_or_default();
        tally
            .into_iter()
            .map(|(state, count)| view! { <li>{glyph(state)}{format!("{} {count}", state.word())}</li> })
            .collect_view()
    };
    let percent = move || {
        lens.camera
            .get()
            .map(|camera| format!("{:.0} %", camera.zoom * 100.0))
    };
    view! {
        <div class="map-foot">
            <div class="legend float">
                <ul class="legend-states">{states}</ul>
                <Menu name="Legend" class="" button_class="link" panel_class="legend-more" label=|| "Legend"><Legend/></Menu>
            </div>
            <div class="zoom float" role="group" aria-label="Zoom">
                <button type="button" class="btn ghost icon" title="Smaller (−)" aria-label="Smaller" on:click=move |_| lens.zoom(1.0 / ZOOM_STEP)>{icon_small("i-minus")}</button>
                <span class="zoom-n">{percent}</span>
                <button type="button" class="btn ghost icon" title="Larger (+)" aria-label="Larger" on:click=move |_| lens.zoom(ZOOM_STEP)>{icon_small("i-plus")}</button>
                <button type="button" class="btn ghost icon" title="The whole map (0)" aria-label="The whole map" on:click=move |_| lens.fit()>{icon_small("i-fit")}</button>
            </div>
        </div>
    }
}

/// What lines, outlines and glyphs mean.
#[component]
fn Legend() -> impl IntoView {
    const LINES: [(&str, &str); 6] = [
        ("legend-line", "HTTP or gRPC; the wider, the more requests"),
        ("legend-line bytes", "TCP"),
        (
            "legend-line failing",
            "ends in red: that share of the requests failed",
        ),
        ("legend-line refused", "red dashes and a bar: refused"),
        ("legend-line plain", "open lock: plain text"),
        ("legend-line idle", "dots: no traffic in this window"),
    ];
    let lines = LINES.map(|(class, words)| {
        view! { <div><dt><svg class=class viewBox="0 0 40 8" aria-hidden="true"><path d="M1 4h38"/><path class="end" d="M28 4h11"/></svg></dt><dd>{words}</dd></div> }
    });
    let states = State::WORST_FIRST.map(|state| {
        let words = match state {
            State::Ok => "healthy: carries no glyph on the map",
            State::NoTraffic => "no traffic: drawn faint",
            State::Unknown => "unknown: dashed outline; a guess if there is one",
            State::Degraded => "degraded: a first threshold is reached",
            State::Failing => "failing: a second threshold is reached",
        };
        view! { <div><dt>{glyph(state)}</dt><dd>{words}</dd></div> }
    });
    view! { <dl>{states.into_iter().collect_view()}{lines.into_iter().collect_view()}</dl> }
}
