//! The panel of a node.

use leptos::prelude::*;
use vigla_api::{Edge, Graph, Node, Traffic, Why};

use super::{
    Newest,
    header::{header, select_button},
    provenance_of_all,
    why::Causes,
};
use crate::{
    address::{Address, Named, Route, Selection},
    components::{glyph, headline, latency, provenance, responses, state_glyph},
    words::{State, edge_name, kind_words, node_name, number, short_host},
};

/// Most calls that are listed on each side; the table has all.
const MOST_CALLS: usize = 12;

/// Everything about one node.
#[component]
pub(super) fn NodePanel(graph: Newest, id: String) -> impl IntoView {
    let own = id.clone();
    let node = Memo::new(move |_| {
        let graph = graph.read();
        graph.as_ref()?.nodes.iter().find(|node| node.id == own).cloned()
    });
    let state = Memo::new(move |_| {
        node.read()
            .as_ref()
            .map_or(State::Unknown, |node| State::of(&node.health))
    });
    // A node has no causes of its own: those of its worst calls explain it.
    let causes = {
        let id = id.clone();
        Memo::new(move |_| {
            graph
                .read()
                .as_ref()
                .map(|graph| causes_at(graph, &id))
                .unwrap_or_default()
        })
    };
    let title = move || node.read().as_ref().map(title);
    let side = move |words: &'static str, of: fn(&Node) -> Option<&Traffic>| {
        move || {
            let node = node.read();
            let traffic = of(node.as_ref()?)?;
            Some(view! {
                <section>
                    <h3>{words}{provenance(provenance_of_all(graph))}</h3>
                    {headline(traffic)}{responses(traffic)}
                    <div class="panel-gap">{latency(traffic)}</div>
                </section>
            })
        }
    };
    let quiet = move || {
        let nothing = node
            .read()
            .as_ref()
            .is_some_and(|node| node.inbound.is_none() && node.outbound.is_none());
        nothing
            .then(|| view! { <section><p class="quiet">"Nothing was counted in this window."</p></section> })
    };
    view! {
        {header(move || node.read().as_ref().map(tags), title)}
        <Causes causes=causes state=state/>
        {move || node.read().as_ref().map(facts)}
        {side("Came in", |node| node.inbound.as_ref())}
        {side("Went out", |node| node.outbound.as_ref())}
        {quiet}
        <Calls graph=graph id=id.clone() outgoing=false/>
        <Calls graph=graph id=id outgoing=true/>
    }
}

fn tags(node: &Node) -> impl IntoView + use<> {
    let sidecar = node.sidecar.map(|has| {
        if has {
            view! { <span class="tag">"sidecar"</span> }.into_any()
        } else {
            view! { <span class="tag warn">"no sidecar"</span> }.into_any()
        }
    });
    view! {
        <span class="tag acc">{kind_words(&node.kind)}</span>
        {node.namespace.clone().map(|namespace| view! { <span class="tag">{namespace}</span> })}
        {sidecar}
    }
}

fn title(node: &Node) -> impl IntoView + use<> {
    let address = Address::get();
    let route = match (&node.namespace, node.kind.as_str()) {
        (Some(namespace), "service") => node
            .service
            .as_deref()
            .map(|host| Route::Service(Named::new(namespace, short_host(host)))),
        (Some(namespace), "workload" | "gateway") => node
            .workload
            .as_deref()
            .map(|name| Route::Workload(Named::new(namespace, name))),
        _ => None,
    };
    let name = node_name(node);
    match route {
        Some(route) => view! { <a href=move || address.href(&route)>{name}</a> }.into_any(),
        None => name.into_any(),
    }
}

fn facts(node: &Node) -> impl IntoView + use<> {
    let state = State::of(&node.health);
    let sentences = if node.health.why.is_empty() {
        vec![format!("It is {}.", state.word())]
    } else {
        node.health.why.clone()
    };
    let guess = node.guess.as_ref().map(|guess| {
        view! { <li>{glyph(State::Unknown)}<span>"Probably "<b>{guess.workload.clone()}</b>" in "{guess.namespace.clone()}" (by its "{guess.from.clone()}"). It sends no certificate, so this is a guess."</span></li> }
    });
    let badges = node
        .badges
        .iter()
        .map(|badge| view! { <li class="tag">{badge_words(badge)}</li> });
    view! {
        <section>
            <h3>"State"</h3>
            <ul class="sentences">
                {sentences.into_iter().map(|why| view! { <li>{glyph(state)}<span>{why}</span></li> }).collect_view()}
                {guess}
            </ul>
            {(!node.badges.is_empty()).then(|| view! { <ul class="badges" aria-label="Rules in effect">{badges.collect_view()}</ul> })}
        </section>
    }
}

/// Callers or callees as buttons.
#[component]
fn Calls(graph: Newest, id: String, outgoing: bool) -> impl IntoView {
    let calls = Memo::new(move |_| {
        graph
            .read()
            .as_ref()
            .map(|graph| calls_of(graph, &id, outgoing))
            .unwrap_or_default()
    });
    let title = if outgoing { "It calls" } else { "It is called by" };
    let keys = move || {
        calls
            .read()
            .iter()
            .take(MOST_CALLS)
            .map(|call| call.id.clone())
            .collect::<Vec<_>>()
    };
    let more = move || calls.read().len().saturating_sub(MOST_CALLS);
    let row = move |id: String| {
        let call = {
            let id = id.clone();
            Memo::new(move |_| calls.read().iter().find(|call| call.id == id).cloned())
        };
        let name = call.get_untracked().map(|call| call.name).unwrap_or_default();
        view! {
            <li>
                {move || call.get().map(|call| state_glyph(call.state))}
                <span class="grow">{select_button(Selection::Edge(id), name)}</span>
                <span class="num">{move || call.get().map(|call| call.rate)}</span>
                <span class="num failed" class:err=move || call.get().is_some_and(|call| call.fails)>{move || call.get().map(|call| call.failed)}</span>
            </li>
        }
    };
    view! {
        <Show when=move || !calls.read().is_empty()>
            <section>
                <h3>{title}{provenance(provenance_of_all(graph))}</h3>
                <ul class="calls"><For each=keys key=String::clone children=row/></ul>
                {move || (more() > 0).then(|| view! { <p class="faint note">{format!("and {} in the table", number::counted(more(), "more call"))}</p> })}
            </section>
        </Show>
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Call {
    id: String,
    name: String,
    state: State,
    rate: String,
    failed: String,
    fails: bool,
}

fn calls_of(graph: &Graph, id: &str, outgoing: bool) -> Vec<Call> {
    let near = |edge: &Edge| {
        if outgoing {
            edge.source == id
        } else {
            edge.target == id
        }
    };
    let mut edges: Vec<&Edge> = graph.edges.iter().filter(|edge| near(edge)).collect();
    let rate = |edge: &Edge| {
        edge.traffic
            .requests_per_second
            .or(edge.traffic.connections_per_second)
    };
    edges.sort_by(|a, b| {
        State::of(&b.health)
            .is_problem()
            .cmp(&State::of(&a.health).is_problem())
            .then(a.id.cmp(&b.id))
    });
    edges
        .into_iter()
        .map(|edge| {
            let (source, target) = edge_name(edge, &graph.nodes);
            Call {
                id: edge.id.clone(),
                name: if outgoing { target } else { source },
                state: State::of(&edge.health),
                rate: number::or_dash(rate(edge).map(number::rate)),
                failed: number::or_dash(edge.traffic.error_share.map(number::share)),
                fails: edge.traffic.error_share.is_some_and(|share| share > 0.0),
            }
        })
        .collect()
}

/// Causes of the problems among a node's calls, each once.
fn causes_at(graph: &Graph, id: &str) -> Vec<Why> {
    let mut edges: Vec<&Edge> = graph
        .edges
        .iter()
        .filter(|edge| edge.source == id || edge.target == id)
        // Calls that are well can have rules that decide, but no causes of trouble.
        .filter(|edge| State::of(&edge.health) != State::Ok)
        .collect();
    edges.sort_by(|a, b| {
        State::of(&b.health)
            .cmp(&State::of(&a.health))
            .then(a.id.cmp(&b.id))
    });
    let mut causes: Vec<Why> = Vec::new();
    for why in edges.into_iter().flat_map(|edge| &edge.why) {
        if !causes
            .iter()
            .any(|known| (&known.object, &known.place) == (&why.object, &why.place))
        {
            causes.push(why.clone());
        }
    }
    causes
}

fn badge_words(badge: &str) -> String {
    match badge {
        "route" => "routes by match",
        "split" => "splits by weight",
        "mirror" => "mirrors",
        "fault" => "injects faults",
        "timeout" => "sets a timeout",
        "retry" => "retries",
        "breaker" => "circuit breaker",
        "authorization" => "authorization",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigla_api::{Health, ObjectRef};

    #[test]
    fn causes_of_all_calls_are_told_once_each_worst_first() {
        let why = |message: &str, name: &str| Why {
            message: message.into(),
            object: Some(ObjectRef {
                name: name.into(),
                ..ObjectRef::default()
            }),
            ..Why::default()
        };
        let edge = |id: &str, target: &str, state: &str, cause: Why| Edge {
            id: id.into(),
            source: "a".into(),
            target: target.into(),
            health: Health {
                state: state.into(),
                why: vec![],
            },
            why: vec![cause],
            ..Edge::default()
        };
        let graph = Graph {
            edges: vec![
                edge("1", "b", "degraded", why("slow", "x")),
                edge("2", "c", "failing", why("broken", "y")),
                edge("3", "d", "failing", why("broken too", "y")),
                edge("4", "e", "ok", why("chosen by a header", "z")),
            ],
            ..Graph::default()
        };
        let told: Vec<String> = causes_at(&graph, "a")
            .into_iter()
            .map(|why| why.message)
            .collect();
        assert_eq!(told, ["broken", "slow"]);
        assert_eq!(causes_at(&graph, "b").len(), 1);
        assert_eq!(calls_of(&graph, "a", true).len(), 4);
        assert_eq!(calls_of(&graph, "a", true)[0].rate, "–");
    }
}
