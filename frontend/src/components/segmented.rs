//! One of a few, as a row of buttons.

use leptos::prelude::*;

/// A group of buttons of which one is pressed.
pub(crate) fn segmented<T: Copy + PartialEq + Send + Sync + 'static>(
    name: &'static str,
    choices: &'static [(T, &'static str)],
    chosen: Signal<T>,
    choose: impl Fn(T) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let buttons = choices
        .iter()
        .map(|&(value, words)| {
            view! {
                <button type="button" aria-pressed=move || (chosen.get() == value).to_string() on:click=move |_| choose(value)>
                    {words}
                </button>
            }
        })
        .collect_view();
    view! { <div class="seg" role="group" aria-label=name>{buttons}</div> }
}
