//! One service or workload: its state, its traffic both ways, and the config that acts on it.

use leptos::prelude::*;
use vigla_api::{ObjectDetail, Traffic};

use super::list::Kind;
use crate::{
    address::{Address, FrameState, Named, encode},
    components::{
        Provenance, failed_face, glyph, headline, latency, loading_face, provenance, reference, responses,
    },
    live::{Fetched, Mesh},
    words::{State, time},
};

/// Period of a detail.
const DETAIL_MS: f64 = 4000.0;

/// The page.
#[component]
pub(crate) fn DetailPage(
    /// What it is of.
    kind: Kind,
    /// Which one.
    named: Named,
) -> impl IntoView {
    let address = Address::get();
    let frame = address.state::<FrameState>();
    let url = {
        let named = named.clone();
        move || {
            let path = format!(
                "api/v1/namespaces/{}/{}/{}",
                encode(&named.namespace),
                kind.segment(),
                encode(&named.name)
            );
            Some(address.resource(&format!("{path}?window={}", frame.read().window)))
        }
    };
    let detail = Fetched::<ObjectDetail>::from_url(url, DETAIL_MS);
    view! {
        <div class="page" class:is-stale=move || detail.error().is_some()>
            <div class="head">
                {move || detail.value().map(|detail| glyph(State::of(&detail.item.health)))}
                <h1>{named.name.clone()}</h1>
                <p class="sub">{format!("{} in {}", kind.one(), named.namespace)}</p>
            </div>
            {move || match (detail.value(), detail.error()) {
                (Some(value), _) => body(kind, &value).into_any(),
                (None, Some(error)) => failed_face(&error, Some(Callback::new(move |()| detail.ask_again()))).into_any(),
                (None, None) => loading_face(6, "Asking for its traffic and config").into_any(),
            }}
        </div>
    }
}

fn body(kind: Kind, detail: &ObjectDetail) -> impl IntoView + use<> {
    let state = State::of(&detail.item.health);
    let health = if detail.item.health.why.is_empty() {
        vec![format!("It is {}.", state.word())]
    } else {
        detail.item.health.why.clone()
    };
    let inbound = traffic_card("Requests that came to it", detail.item.inbound.as_ref(), detail);
    let outbound = traffic_card("Requests that it sent", detail.item.outbound.as_ref(), detail);
    view! {
        <div class="columns">
            <div class="stack">
                <section class="card"><header><h2>"State"</h2></header>
                    <ul class="body sentences">{health.into_iter().map(|why| view! { <li>{glyph(state)}<span>{why}</span></li> }).collect_view()}</ul>
                </section>
                {inbound}{outbound}
            </div>
            <div class="stack">{facts(kind, detail)}{config(detail)}</div>
        </div>
    }
}

fn traffic_card(
    title: &'static str,
    traffic: Option<&Traffic>,
    detail: &ObjectDetail,
) -> impl IntoView + use<> {
    let of = Provenance {
        window_seconds: detail.window_seconds,
        source: Mesh::get().metrics_source(),
        at: time::parse(&detail.at),
    };
    let window = time::span(detail.window_seconds);
    let body = match traffic {
        None => view! { <p class="body quiet">{format!("Nothing was counted in the last {window}.")}</p> }
            .into_any(),
        Some(traffic) => view! {
            <div class="body stack">
                {headline(traffic)}
                {responses(traffic)}
                {latency(traffic)}
            </div>
        }
        .into_any(),
    };
    view! { <section class="card"><header><h2>{title}</h2>{provenance(Signal::stored(Some(of)))}</header>{body}</section> }
}

fn facts(kind: Kind, detail: &ObjectDetail) -> impl IntoView + use<> {
    let address = Address::get();
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    facts.extend(detail.host.clone().map(|host| ("Host", host)));
    if !detail.ports.is_empty() {
        facts.push(("Ports", detail.ports.join(", ")));
    }
    facts.extend(detail.item.app.clone().map(|app| ("App", app)));
    facts.extend(detail.item.version.clone().map(|version| ("Version", version)));
    facts.extend(
        detail
            .service_account
            .clone()
            .map(|account| ("Service account", account)),
    );
    facts.extend(detail.item.sidecar.map(|sidecar| {
        (
            "Sidecar",
            if sidecar {
                "yes, it counts the traffic"
            } else {
                "none: only its peers' proxies count"
            }
            .to_owned(),
        )
    }));
    facts.extend(
        detail
            .labels
            .iter()
            .map(|(key, value)| ("Label", format!("{key}={value}"))),
    );
    let other = if kind == Kind::Services {
        Kind::Workloads
    } else {
        Kind::Services
    };
    let namespace = detail.item.namespace.clone();
    let related = detail.related.iter().map(|name| {
        let route = other.route(&namespace, name);
        let name = name.clone();
        view! { <li><a href=move || address.href(&route)>{name}</a></li> }
    });
    let related_title = if kind == Kind::Services {
        "Workloads behind it"
    } else {
        "Services in front of it"
    };
    view! {
        <section class="card"><header><h2>"Facts"</h2></header>
            <dl class="body kv">{facts.into_iter().map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> }).collect_view()}</dl>
        </section>
        {(!detail.related.is_empty()).then(|| view! {
            <section class="card"><header><h2>{related_title}</h2></header><ul class="body links">{related.collect_view()}</ul></section>
        })}
    }
}

fn config(detail: &ObjectDetail) -> impl IntoView + use<> {
    let items = detail.config.iter().map(|item| {
        let line = item.place.as_ref().and_then(|place| place.line);
        view! { <li>{reference(&item.object, line)}</li> }
    });
    let list = if detail.config.is_empty() {
        empty_list().into_any()
    } else {
        view! { <ul class="body links">{items.collect_view()}</ul> }.into_any()
    };
    view! { <section class="card"><header><h2>"Config that acts on it"</h2></header>{list}</section> }
}

fn empty_list() -> impl IntoView {
    view! { <p class="body quiet">"None: the mesh's defaults apply."</p> }
}
