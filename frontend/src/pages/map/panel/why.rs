//! Why: the sentence, the object that decides, the line, and how sure we are.

use leptos::prelude::*;
use vigla_api::{ConfigDetail, Why};

use crate::{
    address::{Address, ObjectPath},
    components::{Code, Mark, glyph, reference},
    live::Fetched,
    words::State,
};

/// Lines on both sides of the deciding one.
const AROUND: u32 = 3;
/// Period of the excerpt: somebody may be mending it right now.
const EXCERPT_MS: f64 = 5000.0;

/// All causes, the first one first. A cause keeps its card while its words change.
#[component]
pub(super) fn Causes(
    /// The causes.
    causes: Memo<Vec<Why>>,
    /// State of what they explain: its colour.
    state: Memo<State>,
) -> impl IntoView {
    let count = Memo::new(move |_| causes.read().len());
    view! {
        <Show when=move || { count.get() > 0 }>
            <section class="causes" aria-label="Why">
                <For each=move || 0..count.get() key=|index| *index children=move |index| {
                    let cause = Memo::new(move |_| causes.read().get(index).cloned().unwrap_or_default());
                    view! { <Cause cause=cause state=state/> }
                }/>
            </section>
        </Show>
    }
}

#[component]
fn Cause(cause: Memo<Why>, state: Memo<State>) -> impl IntoView {
    let address = Address::get();
    let object = Memo::new(move |_| cause.read().object.clone());
    let line = Memo::new(move |_| cause.read().place.as_ref().and_then(|place| place.line));
    let detail = Fetched::<ConfigDetail>::from_url(
        move || {
            line.get()?;
            let path = ObjectPath::from(object.read().as_ref()?).api_path();
            Some(address.resource(&format!("api/v1/config/{path}")))
        },
        EXCERPT_MS,
    );
    let text = Memo::new(move |_| {
        detail
            .value()
            .map(|detail| (detail.yaml.clone(), detail.first_line))
    });
    let class = move || match state.get() {
        State::Failing => "why",
        State::Degraded => "why warn",
        _ => "why plain",
    };
    let excerpt = move || {
        let (yaml, first_line) = text.get()?;
        let line = line.get()?;
        let class = if state.get() == State::Failing {
            "hl-err"
        } else {
            "hl-warn"
        };
        let mark = Some(Mark {
            line,
            word: "decides",
            class,
        });
        Some(view! { <Code text=yaml first_line=first_line mark=mark around=Some(AROUND)/> })
    };
    let place = move || {
        let cause = cause.read();
        let place = cause.place.as_ref()?;
        let at = place.file.as_ref().map(|file| {
            format!(
                "{file}{}",
                place.line.map(|line| format!(":{line}")).unwrap_or_default()
            )
        });
        Some(view! {
            <p class="why-place">
                {(!place.path.is_empty()).then(|| view! { <code>{place.path.clone()}</code> })}
                {at.map(|at| view! { <span class="faint mono">{at}</span> })}
            </p>
        })
    };
    view! {
        <article class=class>
            <h3>{move || glyph(state.get())}<span>{move || cause.read().message.clone()}</span></h3>
            <p class="row why-object">
                {move || object.get().map(|object| reference(&object, line.get()))}
                <span class="tag">{move || certainty(&cause.read().confidence)}</span>
            </p>
            {place}
            {excerpt}
        </article>
    }
}

fn certainty(confidence: &str) -> &'static str {
    match confidence {
        "proved" => "proved",
        "likely" => "likely",
        _ => "not known how sure",
    }
}
