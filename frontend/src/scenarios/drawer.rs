//! The drawer over the right of the page.

use leptos::prelude::*;
use vigla_api::Scenarios;

use super::card::ScenarioCard;
use crate::{
    address::{Address, FrameState, History, Panel},
    client::ClientError,
    components::{failed_face, glyph_named, icon, loading_face},
    live::Fetched,
};

/// Period of the list: a scenario may be started from the command line too.
const LIST_MS: f64 = 3000.0;

/// The drawer, while the address says that it is open.
#[component]
pub(crate) fn Drawer() -> impl IntoView {
    let address = Address::get();
    let frame = address.state::<FrameState>();
    let open = Memo::new(move |_| frame.read().panel == Panel::Scenarios);
    view! { <Show when=move || open.get()><Open/></Show> }
}

#[component]
fn Open() -> impl IntoView {
    let address = Address::get();
    let list = Fetched::<Scenarios>::from_url(move || Some(address.resource("api/v1/scenarios")), LIST_MS);
    let failed = RwSignal::new(None::<ClientError>);
    let names = Memo::new(move |_| {
        list.value().map(|list| {
            list.scenarios
                .iter()
                .map(|scenario| scenario.name.clone())
                .collect::<Vec<_>>()
        })
    });
    let running = move || {
        list.value().map(|list| {
            let running = list
                .scenarios
                .iter()
                .filter(|scenario| scenario.step.is_some())
                .count();
            format!("{running} of {} running", list.scenarios.len())
        })
    };
    let close = move |_| address.change::<FrameState>(History::Replace, |frame| frame.panel = Panel::None);
    let card = move |name: String| {
        let scenario = Memo::new(move |_| {
            list.value().and_then(|list| {
                list.scenarios
                    .iter()
                    .find(|scenario| scenario.name == name)
                    .cloned()
            })
        });
        view! { <ScenarioCard scenario=scenario list=list failed=failed/> }
    };
    view! {
        <aside class="drawer float" aria-label="Scenarios">
            <header>
                <div class="row">
                    {icon("i-wand")}<h2>"Scenarios"</h2><span class="tag acc">{running}</span><span class="grow"></span>
                    <kbd>"Esc"</kbd>
                    <button type="button" class="btn ghost icon" aria-label="Close" on:click=close>{icon("i-x")}</button>
                </div>
                <p class="quiet">"Each changes the demo mesh as a person would, in one revision. Nothing outside of the demo is touched, and undo restores every byte."</p>
                {move || failed.get().map(|error| view! {
                    <p class="drawer-failed" role="alert">{glyph_named("g-err", "err")}<span><b>{error.title()}</b>" "{error.detail()}</span></p>
                })}
            </header>
            {move || match (names.read().is_some(), list.error()) {
                (true, _) => view! {
                    <ul><For each=move || names.get().unwrap_or_default() key=String::clone children=card/></ul>
                }.into_any(),
                (false, Some(error)) => failed_face(&error, Some(Callback::new(move |()| list.ask_again()))).into_any(),
                (false, None) => loading_face(3, "Asking for the scenarios").into_any(),
            }}
        </aside>
    }
}
