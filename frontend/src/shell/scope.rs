//! Which namespaces are in scope.

use leptos::prelude::*;

use crate::{
    address::{Address, FrameState, History},
    components::{Menu, icon_small, state_glyph},
    live::Mesh,
    words::{State, number},
};

/// The picker in the top bar.
#[component]
pub(crate) fn ScopePick() -> impl IntoView {
    let (address, mesh) = (Address::get(), Mesh::get());
    let frame = address.state::<FrameState>();
    let words = move || scope_words(&frame.read(), mesh.namespaces().len());
    view! {
        <Menu name="Namespaces in scope" label=move || view! { <span class="cut">{words}</span>{icon_small("i-down")} }>
            <ScopeList/>
        </Menu>
    }
}

/// Namespaces with their state, rate and whether they are in scope.
#[component]
pub(crate) fn ScopeList() -> impl IntoView {
    let (address, mesh) = (Address::get(), Mesh::get());
    let frame = address.state::<FrameState>();
    let names = Memo::new(move |_| {
        let mut names: Vec<String> = mesh.namespaces().into_iter().map(|item| item.name).collect();
        // A namespace of the address may be quiet or gone; it must still be possible to drop it.
        names.extend(frame.read().namespaces.iter().cloned());
        names.sort();
        names.dedup();
        names
    });
    let row = move |name: String| {
        let item = {
            let name = name.clone();
            Memo::new(move |_| mesh.namespaces().into_iter().find(|item| item.name == name))
        };
        let checked = {
            let name = name.clone();
            move || in_scope(&frame.read(), &name)
        };
        let toggle = {
            let name = name.clone();
            move |_| {
                let all = names.get_untracked();
                address.change::<FrameState>(History::Add, |frame| toggle_scope(frame, &name, &all));
            }
        };
        let numbers = move || {
            item.get().map(|item| {
                let state = State::of(&item.health);
                let rate = item
                    .inbound
                    .as_ref()
                    .and_then(|traffic| traffic.requests_per_second);
                view! { {state.is_problem().then(|| state_glyph(state))}{rate.map(number::rate)} }
            })
        };
        view! {
            <label class="check">
                <input type="checkbox" prop:checked=checked on:change=toggle/>
                <span class="cut">{name}</span>
                <span class="check-n">{numbers}</span>
            </label>
        }
    };
    view! {
        <For each=move || names.get() key=String::clone children=row/>
        <Show when=move || names.read().is_empty()><p class="faint">"No namespace is known yet."</p></Show>
    }
}

fn in_scope(frame: &FrameState, name: &str) -> bool {
    frame.namespaces.is_empty() || frame.namespaces.contains(name)
}

/// Adds or drops one. All of them is the same as none named, so that a new namespace joins by itself; the last one
/// stays, because an empty scope would mean all.
fn toggle_scope(frame: &mut FrameState, name: &str, all: &[String]) {
    let mut chosen = if frame.namespaces.is_empty() {
        all.iter().cloned().collect()
    } else {
        frame.namespaces.clone()
    };
    if !chosen.remove(name) {
        chosen.insert(name.to_owned());
    }
    if chosen.is_empty() {
        return;
    }
    let whole = all.iter().all(|name| chosen.contains(name));
    frame.namespaces = if whole { Default::default() } else { chosen };
}

fn scope_words(frame: &FrameState, known: usize) -> String {
    match frame.namespaces.len() {
        0 => "All namespaces".to_owned(),
        1 | 2 => frame.namespaces.iter().cloned().collect::<Vec<_>>().join(", "),
        chosen if known >= chosen => format!("{chosen} of {known} namespaces"),
        chosen => number::counted(chosen, "namespace"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_namespaces_are_the_same_as_none_named() {
        let all: Vec<String> = ["a", "b"].map(str::to_owned).into();
        let mut frame = FrameState::default();
        toggle_scope(&mut frame, "a", &all);
        assert_eq!(scope_words(&frame, 2), "b");
        toggle_scope(&mut frame, "b", &all);
        assert_eq!(scope_words(&frame, 2), "b");
        toggle_scope(&mut frame, "a", &all);
        assert_eq!(scope_words(&frame, 2), "All namespaces");
        assert!(in_scope(&frame, "anything"));
    }
}
