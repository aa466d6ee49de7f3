//! Tags and title of the panel.

use leptos::prelude::*;

use crate::{
    address::{Address, History, MapState},
    components::icon,
};

/// Tags, the button that closes the panel, and the title below.
pub(super) fn header(tags: impl IntoView, title: impl IntoView) -> impl IntoView {
    let address = Address::get();
    let close = move |_| address.change::<MapState>(History::Replace, |map| map.selection = None);
    view! {
        <section class="panel-head">
            <div class="row">
                {tags}
                <span class="grow"></span>
                <button type="button" class="btn ghost icon" title="Close (Esc)" aria-label="Close" on:click=close>{icon("i-x")}</button>
            </div>
            <h2 class="panel-title">{title}</h2>
        </section>
    }
}

/// A button that selects something else.
pub(super) fn select_button(selection: crate::address::Selection, words: String) -> impl IntoView {
    let address = Address::get();
    let choose = move |_| {
        let selection = selection.clone();
        address.change::<MapState>(History::Replace, |map| map.selection = Some(selection));
    };
    view! { <button type="button" class="link" on:click=choose>{words}</button> }
}
