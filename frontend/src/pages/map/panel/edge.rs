//! The panel of a call.

use leptos::prelude::*;
use vigla_api::Edge;

use super::{
    Newest,
    header::{header, select_button},
    provenance_of,
    reporters::reporters,
    why::Causes,
};
use crate::{
    address::Selection,
    components::{glyph, headline, icon, icon_small, latency, provenance, responses},
    words::{State, edge_name, number, principal_short, protocol_words},
};

/// Everything about one call.
#[component]
pub(super) fn EdgePanel(graph: Newest, id: String) -> impl IntoView {
    let edge = Memo::new(move |_| {
        let graph = graph.read();
        graph.as_ref()?.edges.iter().find(|edge| edge.id == id).cloned()
    });
    let ends = Memo::new(move |_| {
        let (graph, edge) = (graph.read(), edge.read());
        let (graph, edge) = (graph.as_ref()?, edge.as_ref()?);
        let (source, target) = edge_name(edge, &graph.nodes);
        Some(((edge.source.clone(), source), (edge.target.clone(), target)))
    });
    let causes = Memo::new(move |_| {
        edge.read()
            .as_ref()
            .map(|edge| edge.why.clone())
            .unwrap_or_default()
    });
    let state = Memo::new(move |_| {
        edge.read()
            .as_ref()
            .map_or(State::Unknown, |edge| State::of(&edge.health))
    });
    let counted_by = move || match edge
        .read()
        .as_ref()
        .map(|edge| edge.by_reporter.destination.is_some())
    {
        Some(true) => "destination proxy".to_owned(),
        _ => "source proxy".to_owned(),
    };
    let tags = move || edge.read().as_ref().map(tags);
    let title = move || {
        ends.get().map(|((source, from), (target, to))| {
            view! { {select_button(Selection::Node(source), from)}{icon("i-right")}<span class="vh">"calls"</span>{select_button(Selection::Node(target), to)} }
        })
    };
    let with = move |part: fn(&Edge) -> Option<AnyView>| move || edge.read().as_ref().and_then(part);
    view! {
        {header(tags, title)}
        <Causes causes=causes state=state/>
        {with(health)}
        <section>
            <h3>"Traffic"{provenance(provenance_of(graph, counted_by))}</h3>
            {with(traffic)}
        </section>
        {move || edge.read().as_ref().and_then(|edge| latency(&edge.traffic)).map(|view_of| view! {
            <section><h3>"Latency, answered only"{provenance(provenance_of(graph, counted_by))}</h3>{view_of}</section>
        })}
        <section>
            <h3>"Both ends"{provenance(provenance_of(graph, || "both proxies".to_owned()))}</h3>
            {with(|edge| Some(reporters(&edge.by_reporter).into_any()))}
        </section>
        <section>
            <h3>"Identity"{provenance(provenance_of(graph, || "destination proxy".to_owned()))}</h3>
            {with(identity)}
        </section>
    }
}

fn tags(edge: &Edge) -> impl IntoView + use<> {
    let mtls = edge.mtls_share.map(|share| {
        let (sign, class) = if share >= 1.0 {
            ("i-lock", "tag")
        } else {
            ("i-unlock", "tag warn")
        };
        view! { <span class=class>{icon_small(sign)}"mTLS "{number::share(share)}</span> }
    });
    view! { <span class="tag acc">"Call"</span><span class="tag">{protocol_words(&edge.protocol)}</span>{mtls} }
}

fn health(edge: &Edge) -> Option<AnyView> {
    let state = State::of(&edge.health);
    let refused = edge.refused_per_second.map(|rate| {
        format!(
            "{} connections were refused before any request.",
            number::rate(rate)
        )
    });
    let sentences: Vec<String> = edge.health.why.iter().cloned().chain(refused).collect();
    if sentences.is_empty() && state == State::Ok {
        return None;
    }
    let sentences = if sentences.is_empty() {
        vec![format!("This call is {}.", state.word())]
    } else {
        sentences
    };
    let lines = sentences
        .into_iter()
        .map(|text| view! { <li>{glyph(state)}<span>{text}</span></li> });
    Some(
        view! { <section><h3>"State"</h3><ul class="sentences">{lines.collect_view()}</ul></section> }
            .into_any(),
    )
}

fn traffic(edge: &Edge) -> Option<AnyView> {
    let services = edge
        .service
        .iter()
        .chain(&edge.services)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let bytes = edge
        .traffic
        .bytes_per_second
        .filter(|_| edge.traffic.requests_per_second.is_some());
    let messages = edge.traffic.messages_per_second;
    Some(
        view! {
            {headline(&edge.traffic)}
            {responses(&edge.traffic)}
            <dl class="kv panel-facts">
                {(!services.is_empty()).then(|| view! { <dt>"asked for"</dt><dd><code>{services}</code></dd> })}
                {bytes.map(|bytes| view! { <dt>"bytes"</dt><dd>{format!("{} sent, {} back", number::bytes_rate(bytes.sent), number::bytes_rate(bytes.received))}</dd> })}
                {messages.map(|messages| view! { <dt>"messages"</dt><dd>{format!("{} sent, {} back", number::rate(messages.sent), number::rate(messages.received))}</dd> })}
            </dl>
        }
        .into_any(),
    )
}

fn identity(edge: &Edge) -> Option<AnyView> {
    let list = |word: &'static str, names: &[String]| {
        let names = if names.is_empty() {
            vec!["none seen".to_owned()]
        } else {
            names
                .iter()
                .map(|name| principal_short(name).to_owned())
                .collect()
        };
        view! { <dt>{word}</dt><dd>{names.into_iter().map(|name| view! { <code class="principal">{name}</code> }).collect_view()}</dd> }
    };
    let mtls = match edge.mtls_share {
        Some(share) => format!("{} of what the callee's proxy counted", number::share(share)),
        None => "not known: the callee's proxy counted nothing".to_owned(),
    };
    Some(
        view! {
            <dl class="kv">
                <dt>"mTLS"</dt><dd>{mtls}</dd>
                {list("from", &edge.principals.source)}
                {list("to", &edge.principals.destination)}
            </dl>
        }
        .into_any(),
    )
}
