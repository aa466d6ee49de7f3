//! Whether data is coming, and how old the newest is.

use leptos::prelude::*;

use crate::{
    live::{Clock, Connection, Mesh, Pulse},
    words::time,
};

/// `Live · newest sample 2 s old`.
#[component]
pub(crate) fn LiveState() -> impl IntoView {
    let (mesh, pulse, clock) = (Mesh::get(), Pulse::get(), Clock::get());
    let state = Memo::new(move |_| {
        let silent = mesh.error().is_some_and(|error| error.is_silence());
        state(silent, mesh.status().is_some(), pulse.stream())
    });
    let age = move || match pulse.newest() {
        Some(at) => format!("newest sample {} old", time::age(at, clock.now())),
        None => "no sample yet".to_owned(),
    };
    view! {
        <span class="live-state">
            <span class="live" class:broken=move || !state.get().1>{move || state.get().0}</span>
            <span class="faint live-age">{age}</span>
        </span>
    }
}

/// The word, and whether data comes.
fn state(silent: bool, has_status: bool, stream: Option<Connection>) -> (&'static str, bool) {
    match stream {
        _ if silent && !stream.is_some_and(Connection::flows) => ("Server gone", false),
        Some(stream) => (stream.word(), stream.flows()),
        None if has_status => ("Live", true),
        None => ("Connecting", false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_flows_is_believed_more_than_a_late_status() {
        assert_eq!(state(true, true, Some(Connection::Live)), ("Live", true));
        assert_eq!(
            state(true, true, Some(Connection::Retrying { tries: 1 })),
            ("Server gone", false)
        );
        assert_eq!(
            state(false, true, Some(Connection::Retrying { tries: 1 })),
            ("Reconnecting", false)
        );
        assert_eq!(state(false, true, None), ("Live", true));
        assert_eq!(state(false, false, None), ("Connecting", false));
    }
}
