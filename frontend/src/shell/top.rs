//! The top bar: which mesh, which scope, how old the newest data is, which window.

use leptos::prelude::*;

use super::{Theme, keyboard::copy_link, live_state::LiveState, scope::ScopePick, window_pick::WindowPick};
use crate::{
    address::{Address, Choice, FrameState, History, Panel},
    components::{Announcer, icon},
    live::Mesh,
};

/// The top bar.
#[component]
pub(crate) fn Top() -> impl IntoView {
    let (address, mesh, theme, announcer) = (Address::get(), Mesh::get(), Theme::get(), Announcer::get());
    let name = move || {
        mesh.status()
            .map_or_else(String::new, |status| status.mesh.clone())
    };
    let demo = move || mesh.status().is_some_and(|status| status.mode == "demo");
    let theme_words = move || format!("Theme: {}", theme.current().name());
    view! {
        <header class="top">
            <span class="top-mesh">{icon("i-layers")}<span class="cut">{name}</span></span>
            <Show when=demo><span class="tag acc">"demo"</span></Show>
            <span class="faint top-slash" aria-hidden="true">"/"</span>
            <ScopePick/>
            <span class="grow"></span>
            <LiveState/>
            <WindowPick/>
            <ScenariosButton/>
            <button type="button" class="btn ghost icon top-wide" title="Copy link to this view (Y)" aria-label="Copy link to this view"
                on:click=move |_| copy_link(announcer)>{icon("i-share")}</button>
            <button type="button" class="btn ghost icon" title="Theme (T)" aria-label=theme_words
                on:click=move |_| theme.next(address)>{icon("i-theme")}</button>
        </header>
    }
}

/// Opens the drawer of the demo's scenarios.
#[component]
fn ScenariosButton() -> impl IntoView {
    let (address, mesh) = (Address::get(), Mesh::get());
    let frame = address.state::<FrameState>();
    let open = move || frame.read().panel == Panel::Scenarios;
    let can = move || mesh.status().is_some_and(|status| status.capabilities.scenarios);
    let toggle = move |_| {
        address.change::<FrameState>(History::Replace, |frame| {
            frame.panel = if frame.panel == Panel::None {
                Panel::Scenarios
            } else {
                Panel::None
            };
        });
    };
    view! {
        <Show when=can>
            <button type="button" class="btn" title="Scenarios (X)" aria-expanded=move || open().to_string() on:click=toggle>
                {icon("i-wand")}<span class="top-wide">"Scenarios"</span><span class="vh">"of the demo"</span>
            </button>
        </Show>
    }
}
