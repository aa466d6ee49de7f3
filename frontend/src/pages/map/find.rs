//! Find and hide: two expressions over the map, with the same words as the API.

use std::collections::BTreeSet;

use leptos::prelude::*;
use vigla_graph::{About, FIND_WORDS, Find, Found, View};

use crate::{
    address::{Address, FrameState, History, MapState},
    components::{Menu, icon_small},
    words::number,
};

/// One of the two fields.
#[derive(Clone, Copy)]
struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    icon: &'static str,
    of: fn(&mut MapState) -> &mut String,
}

const FIND: Field = Field {
    name: "find",
    label: "Find",
    hint: "error > 1 % and ns = bookinfo",
    icon: "i-search",
    of: |map| &mut map.find,
};

const HIDE: Field = Field {
    name: "hide",
    label: "Hide",
    hint: "healthy",
    icon: "i-filter",
    of: |map| &mut map.hide,
};

/// Both fields with what they found, and the list of words.
#[component]
pub(super) fn FindBar(
    /// What the find expression found; `None` when nothing is looked for.
    found: Memo<Option<Found>>,
    /// How many nodes and edges the hide expression took away.
    hidden: Memo<usize>,
) -> impl IntoView {
    let count = move || {
        found.read().as_ref().map(|found| {
            let parts = [(found.nodes.len(), "node"), (found.edges.len(), "call")];
            let parts: Vec<String> = parts
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, word)| number::counted(count, word))
                .collect();
            if parts.is_empty() {
                "nothing found".to_owned()
            } else {
                parts.join(", ") + " found"
            }
        })
    };
    let taken = move || (hidden.get() > 0).then(|| format!("{} hidden", hidden.get()));
    view! {
        <div class="find-bar" role="search" aria-label="Find and hide on the map">
            {expression(FIND)}<span class="tag" role="status">{count}</span>
            {expression(HIDE)}<span class="tag" role="status">{taken}</span>
            <Menu name="Words of find and hide" class="" button_class="btn ghost sm" panel_class="find-words float" label=|| "Words"><Words/></Menu>
        </div>
    }
}

/// A field keeps what is typed; only an expression that can be read goes to the address, and with it to the map.
fn expression(field: Field) -> impl IntoView {
    let address = Address::get();
    let state = address.state::<MapState>();
    let accepted = Memo::new(move |_| (field.of)(&mut state.get()).clone());
    let draft = RwSignal::new(accepted.get_untracked());
    Effect::new(move |_| {
        // The address may change without the field: by a link, or by the browser's way back.
        let accepted = accepted.get();
        if Find::parse(&draft.get_untracked()).is_ok() || draft.get_untracked().trim().is_empty() {
            draft.set(accepted);
        }
    });
    let error = Memo::new(move |_| {
        let text = draft.get();
        let text = text.trim();
        (!text.is_empty()).then(|| Find::parse(text).err()).flatten()
    });
    let typed = move |event| {
        let text = event_target_value(&event);
        draft.set(text.clone());
        if text.trim().is_empty() || Find::parse(&text).is_ok() {
            address.change::<MapState>(History::Replace, |map| text.trim().clone_into((field.of)(map)));
        }
    };
    let error_id = format!("{}-error", field.name);
    let described = error_id.clone();
    view! {
        <label class="field find-field" class:bad=move || error.read().is_some()>
            {icon_small(field.icon)}<span class="find-label">{field.label}</span>
            <input type="text" data-find=field.name placeholder=field.hint spellcheck="false" autocomplete="off" maxlength="1000"
                aria-invalid=move || error.read().is_some().to_string() aria-describedby=described
                prop:value=move || draft.get() on:input=typed/>
        </label>
        <span id=error_id class="find-error" role="status">{move || error.get().map(|error| error.to_string())}</span>
    }
}

/// Every word that an expression may use.
#[component]
fn Words() -> impl IntoView {
    let group = |title: &'static str, about: About| {
        let words = FIND_WORDS
            .iter()
            .filter(move |word| word.about == about)
            .map(|word| {
                let names: Vec<&str> = std::iter::once(word.name)
                    .chain(word.also.iter().copied())
                    .collect();
                let value = if word.takes_value() { " …" } else { "" };
                view! { <div><dt><code>{names.join(", ")}{value}</code></dt><dd>{word.help}</dd></div> }
            });
        view! { <section><h3>{title}</h3><dl>{words.collect_view()}</dl></section> }
    };
    view! {
            <p>"Join with " <code>"and"</code> ", " <code>"or"</code> ", " <code>"not"</code> " and brackets. Compare with "
                <code>"= != < <= > >="</code> "; texts also with " <code>"*="</code> " (contains), " <code>"^="</code> " (starts with), "
                <code>"$="</code> " (ends with). " <code>"source."</code> " and " <code>"target."</code> " before a word about nodes ask one end of a call."</p>
            <div class="find-columns">
                {group("Nodes", About::Nodes)}{group("Calls", About::Edges)}{group("Both", About::Both)}
            </div>
    }
}

/// What an expression of the address finds; `None` when there is none, or none that can be read.
pub(super) fn find_in(view: &View, text: &str, frame: &FrameState) -> Option<Found> {
    let find = Find::parse(text.trim()).ok()?;
    let asked: BTreeSet<_> = frame.namespaces.iter().map(|name| name.as_str().into()).collect();
    Some(find.find(view, (!asked.is_empty()).then_some(&asked)))
}
