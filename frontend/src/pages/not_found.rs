//! A path that no page has.

use leptos::prelude::*;

use crate::address::{Address, Route};

/// Says so and leads on.
#[component]
pub(crate) fn NotFoundPage(
    /// The path below the base.
    path: String,
) -> impl IntoView {
    let address = Address::get();
    view! {
        <div class="face"><div class="face-card">
            <h1 class="face-title">"There is no such page"</h1>
            <p>"The address names " <code>{path}</code> ", which this version of Vigla does not have."</p>
            <p><a href=move || address.href(&Route::Map)>"Open the traffic map"</a></p>
        </div></div>
    }
}
