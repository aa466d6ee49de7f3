//! Services and workloads as lists.

mod rows;

use leptos::prelude::*;
use vigla_api::{ObjectItem, Page};

use crate::{
    address::{Address, FrameState, History, ListState, Named, Route, Sort, encode},
    components::{Provenance, empty_face, failed_face, icon_small, loading_face, provenance, state_glyph},
    live::{Fetched, Mesh, Pulse},
    words::{State, blind},
};
use rows::{Row, arrange, summary};

/// Period of a list: as often as the graph changes would be more than a reader can follow.
const LIST_MS: f64 = 4000.0;

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Services.
    Services,
    /// Workloads.
    Workloads,
}

impl Kind {
    /// Segment of the path, the same in the console and the API.
    pub(crate) fn segment(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Workloads => "workloads",
        }
    }

    /// One of them.
    pub(crate) fn one(self) -> &'static str {
        match self {
            Self::Services => "service",
            Self::Workloads => "workload",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Services => "Services",
            Self::Workloads => "Workloads",
        }
    }

    /// Page of one of them.
    pub(crate) fn route(self, namespace: &str, name: &str) -> Route {
        let named = Named::new(namespace, name);
        match self {
            Self::Services => Route::Service(named),
            Self::Workloads => Route::Workload(named),
        }
    }
}

/// `?namespaces=…&window=…` as the API takes it.
pub(crate) fn api_query(frame: &FrameState) -> String {
    let names: Vec<String> = frame.namespaces.iter().map(|name| encode(name)).collect();
    let scope = if names.is_empty() {
        String::new()
    } else {
        format!("&namespaces={}", names.join(","))
    };
    format!("?window={}{scope}", frame.window)
}

/// The list.
#[component]
pub(crate) fn ListPage(
    /// What is listed.
    kind: Kind,
) -> impl IntoView {
    let address = Address::get();
    let (frame, state) = (address.state::<FrameState>(), address.state::<ListState>());
    let list = Fetched::<Page<ObjectItem>>::from_url(
        move || Some(address.resource(&format!("api/v1/{}{}", kind.segment(), api_query(&frame.read())))),
        LIST_MS,
    );
    let rows = Memo::new(move |_| list.value().map(|page| arrange(&page.items, &state.read())));
    let full = Memo::new(move |_| rows.read().is_some());
    let sub = move || {
        list.value().map(|page| {
            let all = summary(&page.items, kind.one());
            match blind(&page.degraded) {
                Some(blind) => format!("{all} · {blind}"),
                None => all,
            }
        })
    };
    let search = move |event| {
        let text = event_target_value(&event);
        address.change::<ListState>(History::Replace, |list| list.search = text);
    };
    view! {
        <div class="page" class:is-stale=move || list.error().is_some() || list.value().is_some_and(|page| !page.degraded.is_empty())>
            <div class="head"><h1>{kind.title()}</h1><p class="sub">{sub}</p></div>
            <label class="field">{icon_small("i-search")}<span class="vh">"Search by name"</span>
                <input type="search" data-search="" placeholder="Name, namespace, app or version" spellcheck="false" autocomplete="off"
                    prop:value=move || state.read().search.clone() on:input=search/>
            </label>
            {move || match (full.get(), list.error()) {
                (true, _) => view! { <Table kind=kind rows=rows list=list/> }.into_any(),
                (false, Some(error)) => failed_face(&error, Some(Callback::new(move |()| list.ask_again()))).into_any(),
                (false, None) => loading_face(8, "Asking for the list").into_any(),
            }}
        </div>
    }
}

#[component]
fn Table(kind: Kind, rows: Memo<Option<Vec<Row>>>, list: Fetched<Page<ObjectItem>>) -> impl IntoView {
    let address = Address::get();
    let (mesh, pulse) = (Mesh::get(), Pulse::get());
    let (frame, state) = (address.state::<FrameState>(), address.state::<ListState>());
    let keys = move || {
        rows.get()
            .unwrap_or_default()
            .into_iter()
            .map(|row| (row.namespace, row.name))
            .collect::<Vec<_>>()
    };
    let shown = move || rows.read().as_ref().map_or(0, Vec::len);
    let of = Signal::derive(move || {
        Some(Provenance {
            window_seconds: frame.read().window.seconds(),
            source: mesh.metrics_source(),
            at: pulse.newest(),
        })
    });
    let foot = move || {
        let total = list.value().map_or(0, |page| page.total);
        format!(
            "{} of {} shown, by {}.",
            shown(),
            total,
            sort_words(state.read().sort)
        )
    };
    view! {
        <Show when=move || shown() == 0 fallback=|| ()>{move || nothing(kind, &state.read().search)}</Show>
        <div class="card tbl-scroll" class:vh=move || shown() == 0>
            <table class="tbl list">
                <caption class="vh">{kind.title()}</caption>
                <thead><tr>
                    {head(Sort::Health, "Health", "")}{head(Sort::Name, kind.title(), "")}
                    {(kind == Kind::Workloads).then(|| view! { <th scope="col">"App, version"</th> })}
                    {head(Sort::Rate, "Rate in", "r")}{head(Sort::Failed, "Failed", "r")}
                    <th scope="col" class="r">"p50"</th>{head(Sort::P95, "p95", "r")}<th scope="col" class="r">"p99"</th>
                    <th scope="col" class="r">"Rate out"</th>
                </tr></thead>
                <tbody><For each=keys key=Clone::clone children=move |key| list_row(kind, key, rows)/></tbody>
            </table>
        </div>
        <p class="row foot faint"><span>{foot}</span>{provenance(of)}</p>
    }
}

fn list_row(kind: Kind, key: (String, String), rows: Memo<Option<Vec<Row>>>) -> impl IntoView {
    let address = Address::get();
    let route = kind.route(&key.0, &key.1);
    let row = {
        let key = key.clone();
        Memo::new(move |_| {
            let rows = rows.read();
            rows.as_ref()?
                .iter()
                .find(|row| (&row.namespace, &row.name) == (&key.0, &key.1))
                .cloned()
        })
    };
    let cell = move |text: fn(&Row) -> String| move || row.read().as_ref().map(text);
    let state = move || row.read().as_ref().map_or(State::Unknown, |row| row.state);
    view! {
        <tr class:is-idle=move || state() == State::NoTraffic>
            <td title=cell(|row| row.why.clone())>{move || state_glyph(state())}</td>
            <th scope="row"><a href=move || address.href(&route)>{key.1}</a>" "<span class="faint">{key.0}</span></th>
            {(kind == Kind::Workloads).then(|| view! { <td>{cell(|row| row.version.clone())}</td> })}
            <td class="r num">{cell(Row::rate_words)}</td>
            <td class=move || row.read().as_ref().map_or("r num", Row::failed_class)>{cell(Row::failed_words)}</td>
            <td class="r num">{cell(|row| row.p50.clone())}</td>
            <td class="r num">{cell(Row::p95_words)}</td>
            <td class="r num">{cell(|row| row.p99.clone())}</td>
            <td class="r num">{cell(|row| row.out.clone())}</td>
        </tr>
    }
}

fn head(sort: Sort, words: &'static str, class: &'static str) -> impl IntoView {
    let address = Address::get();
    let state = address.state::<ListState>();
    let order = move || {
        (state.read().sort == sort).then_some(if sort == Sort::Name {
            "ascending"
        } else {
            "descending"
        })
    };
    let choose = move |_| address.change::<ListState>(History::Add, |list| list.sort = sort);
    view! {
        <th scope="col" class=class aria-sort=order><button type="button" class="sort" on:click=choose>{words}
            <span aria-hidden="true">{move || order().map(|_| " ↓")}</span></button></th>
    }
}

fn nothing(kind: Kind, search: &str) -> impl IntoView + use<> {
    let (title, sentence) = if search.is_empty() {
        (
            format!("No {} in scope", kind.one()),
            "The mesh's config names none in these namespaces, and no traffic was seen there.".to_owned(),
        )
    } else {
        (
            format!("No {} has “{search}”", kind.one()),
            "Name, namespace, app and version are searched.".to_owned(),
        )
    };
    empty_face(title, vec![sentence])
}

fn sort_words(sort: Sort) -> &'static str {
    match sort {
        Sort::Health => "health, then by requests that failed",
        Sort::Name => "name",
        Sort::Rate => "requests that came in",
        Sort::Failed => "failed share",
        Sort::P95 => "95th percentile",
    }
}
