//! Icons and glyphs from the one sprite file. Icons are decoration; a glyph that stands for a state has a name.

use leptos::prelude::*;

use crate::words::State;

/// An icon of 16 px.
pub(crate) fn icon(name: &'static str) -> impl IntoView {
    sprite("i", name)
}

/// An icon of 13 px, beside small text.
pub(crate) fn icon_small(name: &'static str) -> impl IntoView {
    sprite("i small", name)
}

/// A glyph without a name, where the word stands beside it.
pub(crate) fn glyph(state: State) -> impl IntoView {
    glyph_named(state.glyph(), state.class())
}

/// A glyph by its name in the sprite and its colour's class.
pub(crate) fn glyph_named(name: &'static str, class: &'static str) -> impl IntoView {
    view! { <svg class=format!("g {class}") aria-hidden="true"><use_ href=format!("icons.svg#{name}")/></svg> }
}

/// A glyph that is the only sign of a state: it carries the state's word.
pub(crate) fn state_glyph(state: State) -> impl IntoView {
    view! {
        <svg class=format!("g {}", state.class()) role="img" aria-label=state.word()>
            <use_ href=format!("icons.svg#{}", state.glyph())/>
        </svg>
    }
}

fn sprite(class: &'static str, name: &'static str) -> impl IntoView {
    view! { <svg class=class aria-hidden="true"><use_ href=format!("icons.svg#{name}")/></svg> }
}
