//! One object of the mesh's config: its text with line numbers, read-only.

use leptos::prelude::*;
use vigla_api::ConfigDetail;

use crate::{
    address::{Address, ObjectPath, ObjectState, Route},
    components::{Code, Mark, failed_face, loading_face},
    live::Fetched,
};

/// Period of the text: somebody may save it meanwhile.
const TEXT_MS: f64 = 5000.0;

/// The page.
#[component]
pub(crate) fn ObjectPage(
    /// Which object.
    object: ObjectPath,
) -> impl IntoView {
    let address = Address::get();
    let state = address.state::<ObjectState>();
    let path = object.api_path();
    let detail = Fetched::<ConfigDetail>::from_url(
        move || Some(address.resource(&format!("api/v1/config/{path}"))),
        TEXT_MS,
    );
    // The text is drawn again only when it changed, so that a reader's place stays.
    let text = Memo::new(move |_| {
        detail
            .value()
            .map(|detail| (detail.yaml.clone(), detail.first_line))
    });
    let place = move || {
        detail.value().and_then(|detail| {
            let place = detail.item.place.as_ref()?;
            Some(format!("{}:{}", place.file.as_deref()?, detail.first_line))
        })
    };
    Effect::new(move |_| {
        if text.read().is_some() && state.read().line.is_some() {
            request_animation_frame(show_mark);
        }
    });
    let namespace = if object.namespace.is_empty() {
        "the whole cluster".to_owned()
    } else {
        object.namespace.clone()
    };
    view! {
        <div class="page" class:is-stale=move || detail.error().is_some()>
            <p class="crumbs"><a href=move || address.href(&Route::Config)>"Config"</a></p>
            <div class="head">
                <h1>{object.name.clone()}</h1>
                <p class="sub">{object.kind.clone()}" in "{namespace}" · "<span class="mono">{place}</span></p>
                <span class="acts"><span class="tag">"read only"</span></span>
            </div>
            {move || match (text.get(), detail.error()) {
                (Some((yaml, first_line)), _) => {
                    let mark = state.get().line.map(|line| Mark { line, word: "", class: "hl-acc" });
                    view! { <Code text=yaml first_line=first_line mark=mark around=None/> }.into_any()
                }
                (None, Some(error)) => failed_face(&error, Some(Callback::new(move |()| detail.ask_again()))).into_any(),
                (None, None) => loading_face(10, "Asking for its text").into_any(),
            }}
        </div>
    }
}

fn show_mark() {
    if let Ok(Some(line)) = document().query_selector(".code [aria-current]") {
        line.scroll_into_view();
    }
}
