//! A button that opens a small panel beside itself. Escape, a click elsewhere and leaving it by Tab close it.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;

/// The button and its panel.
#[component]
pub(crate) fn Menu(
    /// What stands on the button.
    #[prop(into)]
    label: ViewFn,
    /// Name of the panel, for screen readers.
    name: &'static str,
    /// Class of the whole; the panel stands below `menu`, others say in their styles where.
    #[prop(default = "menu")]
    class: &'static str,
    /// Class of the button.
    #[prop(default = "pick")]
    button_class: &'static str,
    /// Class of the panel.
    #[prop(default = "menu-panel float")]
    panel_class: &'static str,
    /// The panel.
    children: ChildrenFn,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let root = NodeRef::<html::Div>::new();
    let button = NodeRef::<html::Button>::new();
    let inside = move |target: Option<web_sys::EventTarget>| {
        let node = target.and_then(|target| target.dyn_into::<web_sys::Node>().ok());
        root.get_untracked()
            .is_some_and(|root| root.contains(node.as_ref()))
    };
    let clicks = window_event_listener(ev::pointerdown, move |event| {
        if open.get_untracked() && !inside(event.target()) {
            open.set(false);
        }
    });
    on_cleanup(move || clicks.remove());
    let close_by_key = move |event: web_sys::KeyboardEvent| {
        if event.key() == "Escape" && open.get_untracked() {
            event.stop_propagation();
            open.set(false);
            if let Some(button) = button.get_untracked() {
                let _ = button.focus();
            }
        }
    };
    let close_when_left = move |event: web_sys::FocusEvent| {
        if event.related_target().is_some() && !inside(event.related_target()) {
            open.set(false);
        }
    };
    view! {
        <div class=class node_ref=root on:keydown=close_by_key on:focusout=close_when_left>
            <button type="button" class=button_class node_ref=button aria-expanded=move || open.get().to_string()
                on:click=move |_| open.update(|open| *open = !*open)>
                {label.run()}
            </button>
            <Show when=move || open.get()>
                <div class=panel_class role="region" aria-label=name tabindex="0">{children()}</div>
            </Show>
        </div>
    }
}
