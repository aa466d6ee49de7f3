//! The faces of a page that has nothing to show: loading, empty, failed and forbidden.

use leptos::prelude::*;

use super::icon::glyph_named;
use crate::client::ClientError;

/// Grey blocks of the final size; they appear after 150 ms, so a quick answer shows none.
pub(crate) fn loading_face(rows: usize, asked: &'static str) -> impl IntoView {
    let rows = (0..rows)
        .map(|row| view! { <div class="skel-row"><span class="skel"></span><span class=format!("skel w{}", row % 3)></span><span class="skel"></span></div> })
        .collect_view();
    view! {
        <div class="loading" aria-busy="true">
            <p class="faint">{asked}</p>
            <div aria-hidden="true">{rows}</div>
        </div>
    }
}

/// Nothing is there: what was looked for, why that is plausible, what would fill it.
pub(crate) fn empty_face(title: String, sentences: Vec<String>) -> impl IntoView {
    let sentences = sentences
        .into_iter()
        .map(|sentence| view! { <p>{sentence}</p> })
        .collect_view();
    view! {
        <div class="face"><div class="face-card">
            <h2>{glyph_named("g-idle", "idle large")}{title}</h2>
            {sentences}
        </div></div>
    }
}

/// The server's or our own words about what went wrong, and whether it passes.
pub(crate) fn failed_face(error: &ClientError, again: Option<Callback<()>>) -> impl IntoView + use<> {
    let sign = match error {
        ClientError::Forbidden(_) | ClientError::Unauthenticated(_) => super::icon("i-lock").into_any(),
        _ => glyph_named("g-err", "err large").into_any(),
    };
    let code = error
        .problem()
        .map(|problem| problem.code.clone())
        .filter(|code| !code.is_empty());
    let next = error
        .passes()
        .then_some("The page asks again by itself, at most 15 s from now.");
    view! {
        <div class="face"><div class="face-card" role="alert">
            <h2>{sign}{error.title()}</h2>
            <p>{error.detail()}</p>
            {next.map(|next| view! { <p class="faint">{next}</p> })}
            {code.map(|code| view! { <p class="faint"><code>{code}</code></p> })}
            {again.map(|again| view! { <button type="button" class="btn" on:click=move |_| again.run(())>"Ask now"</button> })}
        </div></div>
    }
}
