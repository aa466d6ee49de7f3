//! The application: what lives as long as the page, and which page is open.

use leptos::prelude::*;

use crate::{
    address::{Address, Route},
    components::{Announcer, LiveRegion},
    live::{Clock, Mesh, Pulse},
    pages::{
        ConfigPage, DetailPage, Kind, ListPage, MapPage, NotFoundPage, ObjectPage, SourcesPage, TracePage,
        TracesPage,
    },
    scenarios::Drawer,
    shell::{Banner, Commands, Help, Nav, Notices, Rail, Theme, Top, listen},
};

/// The whole console.
#[component]
pub(crate) fn App() -> impl IntoView {
    let address = Address::provide();
    let clock = Clock::provide();
    let pulse = Pulse::provide();
    let announcer = Announcer::provide();
    Mesh::provide(address, clock, pulse);
    let theme = Theme::provide(address);
    let rail = Rail::provide(address);
    let commands = Commands::provide();
    listen(address, commands, theme, rail, announcer);

    let route = address.route();
    Effect::new(move |_| {
        let title = route.read().title();
        document().set_title(&format!("{title} · Vigla"));
        if *route.read() == Route::Start {
            address.redirect(Route::Map);
        }
    });
    let page = move || match route.get() {
        Route::Start => ().into_any(),
        Route::Map => view! { <MapPage/> }.into_any(),
        Route::Services => view! { <ListPage kind=Kind::Services/> }.into_any(),
        Route::Workloads => view! { <ListPage kind=Kind::Workloads/> }.into_any(),
        Route::Service(named) => view! { <DetailPage kind=Kind::Services named=named/> }.into_any(),
        Route::Workload(named) => view! { <DetailPage kind=Kind::Workloads named=named/> }.into_any(),
        Route::Traces => view! { <TracesPage/> }.into_any(),
        Route::Trace(id) => view! { <TracePage id=id/> }.into_any(),
        Route::Config => view! { <ConfigPage/> }.into_any(),
        Route::Object(object) => view! { <ObjectPage object=object/> }.into_any(),
        Route::Sources => view! { <SourcesPage/> }.into_any(),
        Route::NotFound(path) => view! { <NotFoundPage path=path/> }.into_any(),
    };
    view! {
        <button type="button" class="skip" on:click=move |_| focus_main()>"Skip to content"</button>
        <div class="app" class:rail=move || rail.is_on()>
            <Top/>
            <Nav/>
            <main class="main" id="main" tabindex="-1">
                <Notices/>
                <Banner/>
                <div class="page-slot">{page}</div>
            </main>
        </div>
        <Drawer/>
        <Help/>
        <LiveRegion/>
    }
}

fn focus_main() {
    use wasm_bindgen::JsCast;
    let main = document()
        .get_element_by_id("main")
        .and_then(|main| main.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(main) = main {
        let _ = main.focus();
    }
}
