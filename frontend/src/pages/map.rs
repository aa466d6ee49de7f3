//! The traffic map: who calls whom, what fails, and why.

mod bar;
mod canvas;
mod find;
mod font;
mod foot;
mod glide;
mod grid;
mod layouter;
mod lens;
mod painter;
mod palette;
mod panel;
mod picture;
mod pointers;
mod problems;
mod quiet;
mod side;
mod speech;
mod twin;
mod walk;

use std::sync::Arc;

use leptos::{ev, prelude::*};

use self::{
    bar::Bar, canvas::Canvas, foot::Foot, lens::Lens, panel::SelectionPanel, picture::Picture, quiet::Quiet,
    side::Side, twin::Twin,
};
use super::list::api_query;
use crate::{
    address::{Address, Choice, EdgeLabel, Face, FrameState, History, MapState, MapView},
    components::{Announcer, failed_face, loading_face},
    live::{GraphFeed, Mesh, Pulse},
    shell::{Action, Commands},
    words::State,
};

/// Width below which the table comes first.
const NARROW: f64 = 600.0;
/// One step of the zoom keys and buttons.
const ZOOM_STEP: f32 = 1.25;

/// The page.
#[component]
pub(crate) fn MapPage() -> impl IntoView {
    let address = Address::get();
    let (frame, state) = (address.state::<FrameState>(), address.state::<MapState>());
    let view = Memo::new(move |_| state.read().view);
    let query = Memo::new(move |_| {
        format!(
            "{}&view={}&include=buckets",
            api_query(&frame.read()),
            view.get().name()
        )
    });
    let feed = GraphFeed::follow(address.resource("api/v1"), query.into(), Pulse::get());
    let graph = feed.signal();
    let picture = Picture::follow(graph);
    let lens = Lens::follow(picture);
    obey(address, picture, lens, feed);
    tell_changes(feed);

    let narrow = narrow_window();
    let as_table = Memo::new(move |_| match state.read().face {
        Face::Fitting => narrow.get(),
        Face::Map => false,
        Face::Table => true,
    });
    let face = move || match (graph.read().is_some(), feed.error()) {
        (true, _) => None,
        (false, Some(error)) => Some(failed_face(&error, None).into_any()),
        (false, None) => Some(loading_face(7, "Asking for the traffic of this window").into_any()),
    };
    let mesh = Mesh::get();
    // A part that is missing is told by the banner; all numbers are old only when nothing comes.
    let stale = move || {
        let silent = |status: Arc<vigla_api::Status>| {
            let mut metrics = status.sources.iter().filter(|source| source.kind == "metrics");
            metrics.any(|source| source.state == "failing")
        };
        feed.error().is_some() || mesh.status().is_some_and(silent)
    };
    view! {
        <h1 class="vh">"Traffic map"</h1>
        <div class="map" class:is-stale=stale class:as-table=move || as_table.get()>
            <Side graph=graph/>
            <div class="map-stage">
                <Bar graph=graph picture=picture as_table=as_table/>
                <Show when=move || !as_table.get()><Canvas picture=picture lens=lens/></Show>
                <Twin graph=graph picture=picture shown=as_table/>
                <Show when=move || !as_table.get() && graph.read().is_some()><Foot graph=graph lens=lens/></Show>
                <Quiet graph=graph/>
                {face}
            </div>
            <SelectionPanel graph=graph/>
        </div>
    }
}

/// Does what keys of the map say.
fn obey(address: Address, picture: Picture, lens: Lens, feed: GraphFeed) {
    Commands::get().on(move |action| match action {
        Action::ZoomIn => lens.zoom(ZOOM_STEP),
        Action::ZoomOut => lens.zoom(1.0 / ZOOM_STEP),
        Action::Fit => lens.fit(),
        Action::Table => switch_face(address),
        Action::Label => {
            address.change::<MapState>(History::Replace, |map| map.label = next_label(map.label));
        }
        Action::NextProblem => next_problem(address, picture, lens, feed),
        _ => {}
    });
}

fn next_problem(address: Address, picture: Picture, lens: Lens, feed: GraphFeed) {
    let Some(graph) = feed.graph() else { return };
    let problems = problems::problems(&graph);
    let selected = address.state::<MapState>().get_untracked().selection;
    let Some(next) = problems::next(&problems, selected.as_ref()) else {
        Announcer::get().answer("No problem on this map");
        return;
    };
    if let Some(target) = picture::target(&next) {
        lens.reveal(picture, target);
        speech::speak(Announcer::get(), picture, target);
    }
    address.change::<MapState>(History::Replace, |map| map.selection = Some(next));
}

fn switch_face(address: Address) {
    let narrow = inner_width() < NARROW;
    address.change::<MapState>(History::Add, |map| {
        let table = map.face == Face::Table || map.face == Face::Fitting && narrow;
        map.face = if table { Face::Map } else { Face::Table };
    });
}

fn next_label(label: EdgeLabel) -> EdgeLabel {
    let at = EdgeLabel::ALL
        .iter()
        .position(|(known, _)| *known == label)
        .unwrap_or(0);
    EdgeLabel::ALL[(at + 1) % EdgeLabel::ALL.len()].0
}

/// Speaks when something starts or stops failing; numbers are not spoken.
fn tell_changes(feed: GraphFeed) {
    let announcer = Announcer::get();
    let failing = Memo::new(move |_| {
        let graph = feed.graph()?;
        Some(
            graph
                .nodes
                .iter()
                .filter(|node| State::of(&node.health) == State::Failing)
                .count(),
        )
    });
    Effect::new(move |before: Option<Option<usize>>| {
        let now = failing.get();
        if let (Some(Some(before)), Some(now)) = (before, now)
            && before != now
        {
            announcer.news(match now {
                0 => "Nothing fails any more".to_owned(),
                now => format!("{now} failing on the map"),
            });
        }
        now
    });
}

fn narrow_window() -> RwSignal<bool> {
    let narrow = RwSignal::new(inner_width() < NARROW);
    let resized = window_event_listener(ev::resize, move |_| {
        let now = inner_width() < NARROW;
        if narrow.get_untracked() != now {
            narrow.set(now);
        }
    });
    on_cleanup(move || resized.remove());
    narrow
}

fn inner_width() -> f64 {
    window()
        .inner_width()
        .ok()
        .and_then(|width| width.as_f64())
        .unwrap_or(f64::INFINITY)
}

/// Names of the views for people.
pub(crate) const VIEW_WORDS: &[(MapView, &str)] = &[
    (MapView::Service, "Service"),
    (MapView::App, "App"),
    (MapView::Versioned, "Version"),
    (MapView::Workload, "Workload"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_round() {
        let mut label = EdgeLabel::Rate;
        for _ in 0..EdgeLabel::ALL.len() {
            label = next_label(label);
        }
        assert_eq!(label, EdgeLabel::Rate);
        assert_eq!(VIEW_WORDS.len(), MapView::ALL.len());
    }
}
