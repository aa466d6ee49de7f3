//! Where a number comes from: window, source and age. Every card with numbers carries one.

use leptos::prelude::*;
use vigla_model::Timestamp;

use crate::{live::Clock, words::time};

/// Age after which a number is told to be old: five scrapes of the embedded store.
const OLD_SECONDS: f64 = 10.0;

/// What a number's provenance is made of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Provenance {
    /// Window in seconds.
    pub(crate) window_seconds: f64,
    /// Who counted.
    pub(crate) source: String,
    /// End of the window.
    pub(crate) at: Option<Timestamp>,
}

impl Provenance {
    /// `1 min · destination proxy · 2 s`, and whether it is old.
    pub(crate) fn words(&self, now: Timestamp) -> (String, bool) {
        let window = time::span(self.window_seconds);
        let Some(at) = self.at else {
            return (format!("{window} · {} · age unknown", self.source), true);
        };
        let old = now.since(at).as_secs_f64() > OLD_SECONDS;
        (
            format!("{window} · {} · {}", self.source, time::age(at, now)),
            old,
        )
    }
}

/// The line itself, ageing by the second.
pub(crate) fn provenance(of: Signal<Option<Provenance>>) -> impl IntoView {
    let clock = Clock::get();
    let words = Memo::new(move |_| of.get().map(|provenance| provenance.words(clock.now())));
    let moment = move || {
        of.get()
            .and_then(|provenance| provenance.at)
            .map(|at| format!("newest data of {} UTC", time::clock(at)))
    };
    view! {
        <span class="prov" class:stale=move || words.get().is_some_and(|(_, old)| old) title=moment>
            {move || words.get().map(|(words, _)| words)}
        </span>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_said_and_oldness_seen() {
        let of = Provenance {
            window_seconds: 60.0,
            source: "destination proxy".into(),
            at: Some(Timestamp(0)),
        };
        assert_eq!(
            of.words(Timestamp(2000)),
            ("1\u{202f}min · destination proxy · 2\u{202f}s".into(), false)
        );
        assert!(of.words(Timestamp(150_000)).1);
        assert!(
            Provenance { at: None, ..of }
                .words(Timestamp(0))
                .0
                .ends_with("age unknown")
        );
    }
}
