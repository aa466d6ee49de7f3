//! No traffic at all: quiet, or blind? The two are different sentences.

use std::sync::Arc;

use leptos::prelude::*;
use vigla_api::{Graph, Status};

use crate::{
    components::{glyph, glyph_named},
    live::Mesh,
    words::{State, number, time},
};

/// The card over an empty map.
#[component]
pub(super) fn Quiet(graph: Signal<Option<Arc<Graph>>>) -> impl IntoView {
    let mesh = Mesh::get();
    move || {
        let graph = graph.read();
        let graph = graph.as_ref().filter(|graph| graph.edges.is_empty())?;
        let status = mesh.status();
        let checks = status.as_ref().map(|status| checks(status)).unwrap_or_default();
        let blind = !graph.degraded.is_empty() || checks.iter().any(|(state, ..)| *state == State::Failing);
        let between = between(graph);
        let (title, sentence) = if blind {
            (
                "Nobody can count",
                format!(
                    "No request or connection was counted {between}, but not everything that would count them works. This is blind, not quiet."
                ),
            )
        } else {
            (
                "No traffic",
                format!(
                    "No request or connection was counted {between}. Everything that would count them works, so this is quiet, not blind."
                ),
            )
        };
        let degraded = graph.degraded.iter().map(|part| view! { <li>{glyph(State::Failing)}<span><b>{part.source.clone()}</b>": "{part.reason.clone()}</span></li> });
        let rows = checks.into_iter().map(|(state, title, detail)| view! { <li>{glyph(state)}<span><b>{title}</b><br/><span class="quiet">{detail}</span></span></li> });
        Some(view! {
            <div class="face map-quiet"><div class="face-card">
                <h2>{glyph_named("g-idle", "idle large")}{title}</h2>
                <p>{sentence}</p>
                <ul class="checks">{degraded.collect_view()}{rows.collect_view()}</ul>
            </div></div>
        })
    }
}

fn between(graph: &Graph) -> String {
    match time::parse(&graph.at) {
        Some(end) => {
            let start = end.minus(std::time::Duration::from_secs_f64(graph.window_seconds.max(0.0)));
            format!("between {} and {}", time::clock(start), time::clock(end))
        }
        None => "in this window".to_owned(),
    }
}

/// What would count traffic, and whether it works.
fn checks(status: &Status) -> Vec<(State, String, String)> {
    let mut checks = Vec::new();
    for source in status.sources.iter().filter(|source| source.kind == "metrics") {
        let state = match source.state.as_str() {
            "failing" => State::Failing,
            "degraded" => State::Degraded,
            _ => State::Ok,
        };
        let age = number::or_dash(source.age_seconds.map(time::span));
        let title = match state {
            State::Failing => "Metrics do not arrive",
            State::Degraded => "Metrics arrive in part",
            _ => "Metrics arrive",
        };
        checks.push((
            state,
            title.to_owned(),
            format!("{}, newest sample {age} old", source.name),
        ));
    }
    if !status.proxies.is_empty() {
        let connected = status
            .proxies
            .iter()
            .filter(|proxy| proxy.state == "connected")
            .count();
        let all = connected == status.proxies.len();
        let title = if all {
            "Every proxy is connected"
        } else {
            "Not every proxy is connected"
        };
        checks.push((
            if all { State::Ok } else { State::Degraded },
            title.to_owned(),
            format!("{connected} of {}", status.proxies.len()),
        ));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigla_api::SourceStatus;

    #[test]
    fn silent_metrics_are_blindness() {
        let source = |state: &str| SourceStatus {
            kind: "metrics".into(),
            name: "embedded".into(),
            state: state.into(),
            ..SourceStatus::default()
        };
        let told = |state| {
            checks(&Status {
                sources: vec![source(state)],
                ..Status::default()
            })[0]
                .0
        };
        assert_eq!((told("ok"), told("failing")), (State::Ok, State::Failing));
    }

    #[test]
    fn the_window_is_named_by_its_ends() {
        let graph = Graph {
            at: "2026-11-23T14:32:00Z".into(),
            window_seconds: 300.0,
            ..Graph::default()
        };
        assert_eq!(between(&graph), "between 14:27:00 and 14:32:00");
    }
}
