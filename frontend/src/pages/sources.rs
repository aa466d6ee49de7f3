//! Where the numbers come from, and whether it answers.

use std::sync::Arc;

use leptos::prelude::*;
use vigla_api::{ProxyStatus, SourceStatus, Status};

use crate::{
    address::{Address, Route},
    components::{config_troubles, failed_face, glyph, loading_face},
    live::{Clock, Mesh},
    words::{State, number, time},
};

/// The page.
#[component]
pub(crate) fn SourcesPage() -> impl IntoView {
    let mesh = Mesh::get();
    let sub = move || mesh.status().map(|status| summary(&status));
    view! {
        <div class="page" class:is-stale=move || mesh.error().is_some()>
            <div class="head"><h1>"Sources"</h1><p class="sub">{sub}</p></div>
            {move || match (mesh.status(), mesh.error()) {
                (Some(status), _) => body(&status).into_any(),
                (None, Some(error)) => failed_face(&error, Some(Callback::new(move |()| mesh.ask_again()))).into_any(),
                (None, None) => loading_face(5, "Asking for the state of the sources").into_any(),
            }}
        </div>
    }
}

fn body(status: &Arc<Status>) -> impl IntoView + use<> {
    let sources = status.sources.iter().map(source_row).collect_view();
    let proxies = status.proxies.iter().map(proxy_row).collect_view();
    view! {
        {config_troubles(status)}
        <section class="card">
            <header><h2>"Where the numbers come from"</h2><span class="prov">"now · own status"</span></header>
            <div class="tbl-scroll" tabindex="0" role="region" aria-label="Table of sources"><table class="tbl">
                <caption class="vh">"Sources"</caption>
                <thead><tr><th scope="col">"Source"</th><th scope="col">"Gives"</th><th scope="col" class="r">"Last answer"</th><th scope="col" class="r">"Newest data"</th><th scope="col">"How it is asked"</th><th scope="col">"Last trouble"</th></tr></thead>
                <tbody>{sources}</tbody>
            </table></div>
        </section>
        {(!status.proxies.is_empty()).then(|| view! {
            <section class="card">
                <header><h2>"Proxies"</h2><span class="quiet proxies-sum">{in_sync(&status.proxies)}</span><span class="prov">"now · bundled control plane"</span></header>
                <div class="tbl-scroll" tabindex="0" role="region" aria-label="Table of proxies"><table class="tbl">
                    <caption class="vh">"Proxies of the bundled control plane"</caption>
                    <thead><tr><th scope="col">"Workload"</th><th scope="col">"Program"</th><th scope="col">"State"</th><th scope="col" class="r">"Change to acknowledged"</th><th scope="col">"Refused"</th></tr></thead>
                    <tbody>{proxies}</tbody>
                </table></div>
            </section>
        })}
        {tasks(status)}
        <p class="faint foot">{format!("Vigla {} · mesh {} · up since {} UTC", status.version, status.mesh, started(status))}</p>
    }
}

fn source_row(source: &SourceStatus) -> impl IntoView + use<> {
    let state = match source.state.as_str() {
        "ok" => State::Ok,
        "degraded" => State::Degraded,
        "failing" => State::Failing,
        _ => State::Unknown,
    };
    let trouble = match &source.failing_since {
        Some(since) => {
            let error = source.last_error.as_deref().unwrap_or("no answer");
            format!("{error}; since {}", clock_or(since))
        }
        None => trouble(source.last_error.as_deref(), source.last_error_at.as_deref()),
    };
    let word = match state {
        State::Ok => "answers",
        State::Degraded => "answers in part",
        State::Failing => "does not answer",
        _ => "starting",
    };
    view! {
        <tr>
            <th scope="row">{glyph(state)}" "{source.name.clone()}" "<span class="faint">{word}</span></th>
            <td>{source.kind.clone()}</td>
            <td class="r num">{number::or_dash(source.latency_ms.map(number::millis))}</td>
            <td class="r num">{number::or_dash(source.age_seconds.map(time::span))}</td>
            <td class="wrap">{source.detail.clone()}{source.notes.iter().map(|note| view! { <br/><span class="faint">{note.clone()}</span> }).collect_view()}</td>
            <td class="wrap" class:err=matches!(state, State::Failing | State::Degraded)>{trouble}</td>
        </tr>
    }
}

fn proxy_row(proxy: &ProxyStatus) -> impl IntoView + use<> {
    let address = Address::get();
    let (state, word) = match (proxy.state.as_str(), proxy.in_sync) {
        ("connected", true) => (State::Ok, "in sync"),
        ("connected", false) => (State::Degraded, "has not acknowledged the newest config"),
        _ => (State::Failing, "not connected"),
    };
    let route = Route::Workload(crate::address::Named::new(&proxy.namespace, &proxy.workload));
    view! {
        <tr>
            <th scope="row"><a href=move || address.href(&route)>{proxy.workload.clone()}</a>" "<span class="faint">{proxy.namespace.clone()}</span></th>
            <td>{proxy.program.clone()}</td>
            <td>{glyph(state)}" "{word}</td>
            <td class="r num">{number::or_dash(proxy.last_push_ms.map(number::millis))}</td>
            <td class="wrap" class:err=!proxy.refused.is_empty()>{proxy.refused.join(" ")}</td>
        </tr>
    }
}

fn tasks(status: &Status) -> impl IntoView + use<> {
    let clock = Clock::get();
    let rows = status.tasks.iter().map(|task| {
        let success = task.last_success.as_deref().and_then(time::parse);
        let age = move || number::or_dash(success.map(|at| format!("{} ago", time::age(at, clock.now()))));
        view! {
            <tr><th scope="row">{task.name.clone()}</th><td class="r num">{age}</td>
                <td class="wrap">{trouble(task.last_error.as_deref(), task.last_error_at.as_deref())}</td></tr>
        }
    });
    (!status.tasks.is_empty()).then(|| view! {
        <section class="card"><header><h2>"Background tasks"</h2></header>
            <div class="tbl-scroll" tabindex="0" role="region" aria-label="Table of background tasks"><table class="tbl"><caption class="vh">"Background tasks"</caption>
                <thead><tr><th scope="col">"Task"</th><th scope="col" class="r">"Last success"</th><th scope="col">"Last trouble"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody></table></div>
        </section>
    })
}

/// Trouble that may be over: what and when.
fn trouble(error: Option<&str>, at: Option<&str>) -> String {
    match (error, at) {
        (Some(error), Some(at)) => format!("{error}; at {}", clock_or(at)),
        (Some(error), None) => error.to_owned(),
        (None, _) => "none seen".to_owned(),
    }
}

fn summary(status: &Status) -> String {
    let answering = status
        .sources
        .iter()
        .filter(|source| source.state == "ok")
        .count();
    format!(
        "{answering} of {} answer · what Vigla knows comes from here",
        status.sources.len()
    )
}

fn in_sync(proxies: &[ProxyStatus]) -> String {
    let synced = proxies
        .iter()
        .filter(|proxy| proxy.in_sync && proxy.state == "connected")
        .count();
    format!("{synced} of {} in sync", proxies.len())
}

fn started(status: &Status) -> String {
    clock_or(&status.started)
}

fn clock_or(text: &str) -> String {
    time::parse(text).map_or_else(|| text.to_owned(), time::clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_left_is_not_in_sync() {
        let proxy = |state: &str, in_sync| ProxyStatus {
            state: state.into(),
            in_sync,
            ..ProxyStatus::default()
        };
        let proxies = [
            proxy("connected", true),
            proxy("disconnected", true),
            proxy("connected", false),
        ];
        assert_eq!(in_sync(&proxies), "1 of 3 in sync");
    }
}
