//! Requests that were recorded span by span: a search.

use leptos::prelude::*;
use vigla_api::{Names, TraceItem, TraceList};

use crate::{
    address::{Address, FrameState, History, Route, TracesState, encode},
    components::{empty_face, failed_face, glyph, loading_face, share_bar},
    live::Fetched,
    words::{State, blind, number, time},
};

/// Period of the list.
const LIST_MS: f64 = 5000.0;
/// Period of the names to choose from.
const NAMES_MS: f64 = 30_000.0;
/// Rows of the list.
const ROWS: usize = 50;

/// The page.
#[component]
pub(crate) fn TracesPage() -> impl IntoView {
    let address = Address::get();
    let (frame, state) = (address.state::<FrameState>(), address.state::<TracesState>());
    let list = Fetched::<TraceList>::from_url(
        move || Some(address.resource(&format!("api/v1/traces{}", query(&frame.read(), &state.read())))),
        LIST_MS,
    );
    let names =
        Fetched::<Names>::from_url(move || Some(address.resource("api/v1/traces/services")), NAMES_MS);
    let sub = move || {
        list.value().map(|list| {
            let more = if list.next.is_some() { " and more" } else { "" };
            let found = format!(
                "{}{more} · {}",
                number::counted(list.items.len(), "trace"),
                list.source
            );
            match blind(&list.degraded) {
                Some(blind) => format!("{found} · {blind}"),
                None => found,
            }
        })
    };
    view! {
        <div class="page" class:is-stale=move || list.error().is_some() || list.value().is_some_and(|list| !list.degraded.is_empty())>
            <div class="head"><h1>"Traces"</h1><p class="sub">{sub}</p></div>
            <Filters names=names/>
            {move || match (list.value(), list.error()) {
                (Some(list), _) if list.items.is_empty() => nothing(&list, &state.read()).into_any(),
                (Some(list), _) => table(&list).into_any(),
                (None, Some(error)) => failed_face(&error, Some(Callback::new(move |()| list.ask_again()))).into_any(),
                (None, None) => loading_face(8, "Asking for traces").into_any(),
            }}
        </div>
    }
}

fn query(frame: &FrameState, state: &TracesState) -> String {
    let mut query = format!("?window={}&limit={ROWS}", frame.window);
    if !frame.namespaces.is_empty() {
        let names: Vec<String> = frame.namespaces.iter().map(|name| encode(name)).collect();
        query += &format!("&namespaces={}", names.join(","));
    }
    for (key, value) in [
        ("service", &state.service),
        ("operation", &state.operation),
        ("min", &state.min),
    ] {
        if !value.is_empty() {
            query += &format!("&{key}={}", encode(value));
        }
    }
    if state.errors {
        query += "&error=true";
    }
    query
}

#[component]
fn Filters(names: Fetched<Names>) -> impl IntoView {
    let address = Address::get();
    let state = address.state::<TracesState>();
    let change = move |set: fn(&mut TracesState, String), text: String| {
        address.change::<TracesState>(History::Replace, |traces| set(traces, text));
    };
    let services = move || {
        let chosen = state.read().service.clone();
        let mut names = names.value().map(|names| names.items.clone()).unwrap_or_default();
        if !chosen.is_empty() && !names.contains(&chosen) {
            names.push(chosen.clone());
        }
        names
            .into_iter()
            .map(|name| view! { <option value=name.clone() selected=name == chosen>{name.clone()}</option> })
            .collect_view()
    };
    view! {
        <div class="filters" role="search" aria-label="Search traces">
            <label class="field"><span>"Service"</span>
                <select on:change=move |event| change(|traces, text| traces.service = text, event_target_value(&event))>
                    <option value="" selected=move || state.read().service.is_empty()>"all"</option>{services}
                </select>
            </label>
            <label class="field grow"><span>"Name"</span>
                <input type="search" data-search="" placeholder="GET /productpage" spellcheck="false" autocomplete="off"
                    prop:value=move || state.read().operation.clone()
                    on:change=move |event| change(|traces, text| traces.operation = text.trim().to_owned(), event_target_value(&event))/>
            </label>
            <label class="field"><span>"At least"</span>
                <input type="text" class="short" placeholder="200ms" spellcheck="false" autocomplete="off"
                    prop:value=move || state.read().min.clone()
                    on:change=move |event| change(|traces, text| traces.min = text.trim().to_owned(), event_target_value(&event))/>
            </label>
            <label class="check"><input type="checkbox" prop:checked=move || state.read().errors
                on:change=move |event| { let on = event_target_checked(&event); address.change::<TracesState>(History::Replace, |traces| traces.errors = on); }/>
                <span>"Only failed"</span></label>
        </div>
    }
}

fn nothing(list: &TraceList, state: &TracesState) -> impl IntoView + use<> {
    let mut sentences = vec![format!(
        "{} holds no trace that fits, in the window above.",
        list.source
    )];
    sentences.extend(
        list.degraded
            .iter()
            .map(|part| format!("{}: {}", part.source, part.reason)),
    );
    if *state != TracesState::default() {
        sentences.push("Fewer conditions find more.".to_owned());
    }
    sentences.push("Proxies record a share of the requests; a rare one may not be among them.".to_owned());
    empty_face("No trace is found".to_owned(), sentences)
}

fn table(list: &TraceList) -> impl IntoView + use<> {
    let longest = list.items.iter().map(|item| item.duration_ms).fold(0.0, f64::max);
    let rows = list.items.iter().map(|item| row(item, longest)).collect_view();
    view! {
        <div class="card tbl-scroll" tabindex="0" role="region" aria-label="Table of traces"><table class="tbl">
            <caption class="vh">"Traces, newest first"</caption>
            <thead><tr><th scope="col">"Request"</th><th scope="col">"Began at"</th><th scope="col" class="r">"Took"</th>
                <th scope="col"><span class="vh">"Share of the longest"</span></th><th scope="col">"Answer"</th><th scope="col">"Services"</th><th scope="col" class="r">"Spans"</th></tr></thead>
            <tbody>{rows}</tbody>
        </table></div>
    }
}

fn row(item: &TraceItem, longest: f64) -> impl IntoView + use<> {
    let address = Address::get();
    let route = Route::Trace(item.id.clone());
    let state = if item.errors > 0 {
        State::Failing
    } else {
        State::Ok
    };
    let services: Vec<&str> = item
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    let withheld = (item.withheld > 0).then(|| format!("{} withheld", item.withheld));
    let failed = item.errors > 0;
    let share = if longest > 0.0 {
        item.duration_ms / longest
    } else {
        0.0
    };
    view! {
        <tr>
            <th scope="row">{glyph(state)}" "<a href=move || address.href(&route)>{item.name.clone()}</a>" "<span class="faint">{item.service.clone()}</span></th>
            <td class="num">{time::parse(&item.start).map_or_else(|| item.start.clone(), time::clock)}</td>
            <td class="r num">{number::millis(item.duration_ms)}</td>
            <td>{share_bar(share, if failed { "err" } else { "calm" })}</td>
            <td class="num" class:err=failed>{answer(item)}</td>
            <td class="wrap">{services.join(", ")}</td>
            <td class="r num">{item.spans}" "<span class="faint">{withheld}</span></td>
        </tr>
    }
}

/// Status and response flags: `504 UT`.
fn answer(item: &TraceItem) -> String {
    let status = item.status_code.map(|code| code.to_string());
    let parts: Vec<String> = status.into_iter().chain(item.flags.iter().cloned()).collect();
    if parts.is_empty() {
        number::UNMEASURED.to_owned()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_the_address_are_asked_of_the_api() {
        let state = TracesState {
            service: "shop/a b".into(),
            min: "200ms".into(),
            errors: true,
            ..TracesState::default()
        };
        assert_eq!(
            query(&FrameState::default(), &state),
            "?window=1m&limit=50&service=shop/a%20b&min=200ms&error=true".replace('/', &encode("/"))
        );
    }

    #[test]
    fn an_answer_without_status_is_not_zero() {
        let item = TraceItem {
            flags: vec!["UT".into()],
            ..TraceItem::default()
        };
        assert_eq!(
            (answer(&item), answer(&TraceItem::default())),
            ("UT".into(), number::UNMEASURED.to_owned())
        );
    }
}
