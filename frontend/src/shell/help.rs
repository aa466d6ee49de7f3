//! The list of keys.

use leptos::{html, prelude::*};

use super::{
    Commands,
    keys::{MAP_KEYS, Place, SHORTCUTS, cap},
};
use crate::components::icon;

/// The dialog; `?` opens it.
#[component]
pub(crate) fn Help() -> impl IntoView {
    let open = Commands::get().help;
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = dialog.get() else { return };
        if open.get() {
            let _ = dialog.show_modal();
        } else {
            dialog.close();
        }
    });
    view! {
        <dialog class="help float" node_ref=dialog aria-labelledby="help-title" on:close=move |_| open.set(false)>
            <div class="row">
                <h2 id="help-title" class="grow">"Keyboard"</h2>
                <button type="button" class="btn ghost icon" aria-label="Close" on:click=move |_| open.set(false)>{icon("i-x")}</button>
            </div>
            <div class="help-columns">
                <section><h3>"Everywhere"</h3><dl>{lines(Place::Everywhere)}</dl></section>
                <section><h3>"Traffic map"</h3><dl>{lines(Place::Map)}{map_lines()}</dl></section>
            </div>
            <p class="faint">"Single letters act only outside of fields. Tab leaves the map."</p>
        </dialog>
    }
}

fn lines(place: Place) -> impl IntoView {
    SHORTCUTS
        .iter()
        .filter(|shortcut| shortcut.place == place)
        .map(|shortcut| {
            let caps = shortcut
                .keys
                .iter()
                .map(|key| view! { <kbd>{cap(key)}</kbd> })
                .collect_view();
            view! { <div><dt>{caps}</dt><dd>{shortcut.words}</dd></div> }
        })
        .collect_view()
}

fn map_lines() -> impl IntoView {
    MAP_KEYS
        .iter()
        .map(|(keys, words)| view! { <div><dt><kbd>{*keys}</kbd></dt><dd>{*words}</dd></div> })
        .collect_view()
}
