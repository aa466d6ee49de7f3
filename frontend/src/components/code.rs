//! YAML with line numbers, read-only, with the deciding line marked.

use leptos::prelude::*;

use super::yaml;

/// A marked line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Line of the file.
    pub(crate) line: u32,
    /// Word at its end, such as `decides`.
    pub(crate) word: &'static str,
    /// Class of the mark's colour: `hl-err`, `hl-warn` or `hl-acc`.
    pub(crate) class: &'static str,
}

/// Part of a text: `around` lines on both sides of the mark, or all of it.
#[component]
pub(crate) fn Code(
    /// The text.
    text: String,
    /// Line of the file at which the text starts.
    first_line: u32,
    /// The marked line.
    mark: Option<Mark>,
    /// How many lines to show on both sides of the mark; `None`: all.
    around: Option<u32>,
) -> impl IntoView {
    let marked = mark.as_ref().map(|mark| mark.line);
    let shown = move |line: u32| match (around, marked) {
        (Some(around), Some(marked)) => line.abs_diff(marked) <= around,
        _ => true,
    };
    let lines = text
        .lines()
        .zip(first_line..)
        .filter(|(_, line)| shown(*line))
        .map(|(text, number)| {
            let mark = mark.as_ref().filter(|mark| mark.line == number);
            let pieces = yaml::tokens(text)
                .into_iter()
                .map(|(token, text)| view! { <span class=token.class()>{text.to_owned()}</span> })
                .collect_view();
            view! {
                <div class=mark.map(|mark| mark.class) aria-current=mark.map(|_| "true") data-line=number>
                    <span class="line-no" aria-hidden="true">{number}</span>
                    <span class="line-text">{pieces}</span>
                    {mark.map(|mark| view! { <span class="line-word">{mark.word}</span> })}
                </div>
            }
        })
        .collect_view();
    // Long lines scroll inside the view, so it can take the focus.
    view! { <div class="code" role="region" aria-label="YAML" tabindex="0">{lines}</div> }
}
