//! The side bar: the pages that exist, in the groups of the design.

use leptos::prelude::*;

use super::Commands;
use crate::{
    address::{Address, Route},
    components::{glyph, icon},
    live::Mesh,
    words::State,
};

const SAVED: &str = "vigla.rail";

/// Whether the side bar is a rail. Canvas pages open with the rail; a choice is kept.
#[derive(Clone, Copy)]
pub(crate) struct Rail {
    chosen: RwSignal<Option<bool>>,
    address: Address,
}

impl Rail {
    /// Reads the kept choice.
    pub(crate) fn provide(address: Address) -> Self {
        let storage = window().local_storage().ok().flatten();
        let saved = storage.and_then(|storage| storage.get_item(SAVED).ok().flatten());
        let rail = Self {
            chosen: RwSignal::new(saved.map(|saved| saved == "rail")),
            address,
        };
        provide_context(rail);
        rail
    }

    /// Whether it is a rail now; tracked.
    pub(crate) fn is_on(self) -> bool {
        self.chosen
            .get()
            .unwrap_or_else(|| matches!(self.address.route().get(), Route::Map))
    }

    /// Opens or closes it.
    pub(crate) fn toggle(self) {
        let on = !untrack(|| self.is_on());
        self.chosen.set(Some(on));
        if let Ok(Some(storage)) = window().local_storage() {
            let _ = storage.set_item(SAVED, if on { "rail" } else { "open" });
        }
    }
}

/// The side bar.
#[component]
pub(crate) fn Nav() -> impl IntoView {
    let help = Commands::get().help;
    view! {
        <nav class="nav" aria-label="Pages">
            <div class="brand">
                <svg viewBox="0 0 20 20" fill="none" aria-hidden="true">
                    <path class="brand-mark" d="M3.2 4.2 10 16.4 16.8 4.2"/><circle class="brand-dot" cx="10" cy="5.6" r="2.3"/>
                </svg>
                <span>"Vigla"</span>
            </div>
            <ul>
                <li>{page(Route::Map, "i-map", "Traffic map")}</li>
                <li>{page(Route::Services, "i-services", "Services")}</li>
                <li>{page(Route::Workloads, "i-box", "Workloads")}</li>
                <li>{page(Route::Traces, "i-traces", "Traces")}</li>
            </ul>
            <h2 id="nav-rules">"Rules"</h2>
            <ul aria-labelledby="nav-rules"><li>{page(Route::Config, "i-config", "Config")}</li></ul>
            <ul class="nav-foot">
                <li>{page(Route::Sources, "i-plug", "Sources")}</li>
                <li><button type="button" title="Keyboard" aria-label="Keyboard" on:click=move |_| help.set(true)>
                    {icon("i-keyboard")}<span>"Keyboard"</span><span class="nav-badge"><kbd>"?"</kbd></span>
                </button></li>
            </ul>
        </nav>
    }
}

fn page(route: Route, sign: &'static str, title: &'static str) -> impl IntoView {
    let address = Address::get();
    let current = {
        let route = route.clone();
        move || {
            address
                .route()
                .with(|shown| section(shown) == section(&route))
                .then_some("page")
        }
    };
    let badge = matches!(route, Route::Sources).then(sources_badge);
    view! {
        <a href=move || address.href(&route) aria-current=current title=title>
            {icon(sign)}<span>{title}</span>{badge}
        </a>
    }
}

/// First segment of a page's path: a detail belongs to its list.
fn section(route: &Route) -> String {
    let path = route.path();
    path.split('/').nth(1).unwrap_or_default().to_owned()
}

/// `3 of 4` sources answer, with a sign when one does not or the config cannot be read.
fn sources_badge() -> impl IntoView {
    let mesh = Mesh::get();
    move || {
        mesh.status().map(|status| {
            let answering = status
                .sources
                .iter()
                .filter(|source| source.state != "failing")
                .count();
            let partial = status.sources.iter().any(|source| source.state == "degraded");
            let trouble = answering < status.sources.len() || partial || !status.config_errors.is_empty();
            let words = format!("{answering} of {}", status.sources.len());
            view! {
                <span class="nav-badge">{trouble.then(|| glyph(State::Degraded))}<span>{words}</span></span>
            }
        })
    }
}
