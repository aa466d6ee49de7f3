//! What concerns the whole page: the server is gone, a source is silent, the address was not understood.

use leptos::prelude::*;

use crate::{
    address::{Address, FrameState, ListState, MapState, ObjectState, Route},
    components::{glyph_named, icon_small},
    live::{Clock, Mesh, Pulse},
    words::{number, time},
};

/// At most one banner: the server first, then its sources.
#[component]
pub(crate) fn Banner() -> impl IntoView {
    let (mesh, clock, pulse) = (Mesh::get(), Clock::get(), Pulse::get());
    let gone = Memo::new(move |_| mesh.error().filter(|_| mesh.status().is_some()));
    let silent = Memo::new(move |_| {
        mesh.status()
            .map(|status| silent_sources(&status))
            .filter(|text| !text.is_empty())
    });
    let partial = Memo::new(move |_| mesh.status().and_then(|status| partial_source(&status)));
    let broken = Memo::new(move |_| mesh.status().map_or(0, |status| status.config_errors.len()));
    move || {
        let (title, rest) = if let Some(error) = gone.get() {
            let since = pulse.newest().map(|at| {
                format!(
                    "Numbers stand still at {} and are marked by their age ({}). ",
                    time::clock(at),
                    time::age(at, clock.now())
                )
            });
            (
                format!("{}.", error.title()),
                format!("{}{}", since.unwrap_or_default(), error.detail()),
            )
        } else if let Some(silent) = silent.get() {
            (
                silent,
                "What it told last stays and is marked; everything else is current.".to_owned(),
            )
        } else if broken.get() > 0 {
            let files = number::counted(broken.get(), "config file");
            (
                format!("{files} cannot be read."),
                "The last good config stays in effect; Sources names the lines.".to_owned(),
            )
        } else if let Some(partial) = partial.get() {
            (partial, "Everything else is current.".to_owned())
        } else {
            return None;
        };
        let address = Address::get();
        Some(view! {
            <div class="banner" role="status">
                {glyph_named("g-stale", "stale")}
                <p class="grow"><strong>{title}</strong>" "<span class="quiet">{rest}</span></p>
                <a class="btn" href=move || address.href(&Route::Sources)>"Details"</a>
                <button type="button" class="btn" on:click=move |_| mesh.ask_again()>{icon_small("i-retry")}"Try now"</button>
            </div>
        })
    }
}

fn silent_sources(status: &vigla_api::Status) -> String {
    let failing: Vec<_> = status
        .sources
        .iter()
        .filter(|source| source.state == "failing")
        .collect();
    match failing[..] {
        [] => String::new(),
        [one] => {
            let since = one
                .failing_since
                .as_deref()
                .and_then(time::parse)
                .map(|at| format!(" since {}", time::clock(at)));
            format!("{} has not answered{}.", one.name, since.unwrap_or_default())
        }
        _ => format!("{} do not answer.", number::counted(failing.len(), "source")),
    }
}

/// What is missing of the first source that answers in part. Config says it itself, by file.
fn partial_source(status: &vigla_api::Status) -> Option<String> {
    let mut sources = status.sources.iter().filter(|source| source.kind != "config");
    let source = sources.find(|source| source.state == "degraded")?;
    let reason = source.last_error.as_deref().unwrap_or("a part of it is missing");
    Some(format!("{}: {reason}.", source.name))
}

/// Values of the address that were not understood.
#[component]
pub(crate) fn Notices() -> impl IntoView {
    let address = Address::get();
    let dismissed = RwSignal::new(false);
    let texts = Memo::new(move |_| {
        let mut notices = address.notices::<FrameState>();
        match address.route().get() {
            Route::Map => notices.extend(address.notices::<MapState>()),
            Route::Services | Route::Workloads => notices.extend(address.notices::<ListState>()),
            Route::Object(_) => notices.extend(address.notices::<ObjectState>()),
            _ => {}
        }
        notices.iter().map(ToString::to_string).collect::<Vec<_>>()
    });
    view! {
        <Show when=move || !texts.read().is_empty() && !dismissed.get()>
            <div class="banner" role="status">
                {glyph_named("g-info", "accent")}
                <p class="grow">{move || texts.get().join(" ")}</p>
                <button type="button" class="btn" on:click=move |_| dismissed.set(true)>"Dismiss"</button>
            </div>
        </Show>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigla_api::{SourceStatus, Status};

    #[test]
    fn one_silent_source_is_named_and_dated() {
        let source = |name: &str, state: &str| SourceStatus {
            name: name.into(),
            state: state.into(),
            failing_since: Some("2026-11-23T14:29:40Z".into()),
            ..SourceStatus::default()
        };
        let mut status = Status {
            sources: vec![source("Prometheus", "failing"), source("files", "ok")],
            ..Status::default()
        };
        assert_eq!(
            silent_sources(&status),
            "Prometheus has not answered since 14:29:40."
        );
        status.sources[1].state = "failing".into();
        assert_eq!(silent_sources(&status), "2 sources do not answer.");
        assert_eq!(silent_sources(&Status::default()), "");
    }

    #[test]
    fn a_part_that_is_missing_is_not_called_silence() {
        let status = Status {
            sources: vec![SourceStatus {
                name: "metrics".into(),
                kind: "metrics".into(),
                state: "degraded".into(),
                last_error: Some("the sidecar of a cannot be read".into()),
                ..SourceStatus::default()
            }],
            ..Status::default()
        };
        assert_eq!(silent_sources(&status), "");
        assert_eq!(
            partial_source(&status).as_deref(),
            Some("metrics: the sidecar of a cannot be read.")
        );
    }
}
