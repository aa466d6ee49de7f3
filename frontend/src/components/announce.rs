//! One polite live region: it speaks what was selected and changes of state, never numbers.

use leptos::prelude::*;
use vigla_model::Timestamp;

use crate::live::Clock;

/// Changes of state are spoken at most this often, so that a bad minute can be listened to.
const QUIET_MS: i64 = 10_000;

/// Speaks.
#[derive(Clone, Copy)]
pub(crate) struct Announcer {
    text: RwSignal<String>,
    last: StoredValue<Timestamp>,
}

impl Announcer {
    /// Makes it known to all pages.
    pub(crate) fn provide() -> Self {
        let announcer = Self {
            text: RwSignal::new(String::new()),
            last: StoredValue::new(Timestamp(0)),
        };
        provide_context(announcer);
        announcer
    }

    /// The announcer of the page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// Speaks an answer to what the reader did, at once.
    pub(crate) fn answer(self, text: impl Into<String>) {
        self.text.set(text.into());
    }

    /// Speaks of something that happened by itself.
    pub(crate) fn news(self, text: impl Into<String>) {
        let now = Clock::get().glance();
        if now.millis() - self.last.get_value().millis() >= QUIET_MS {
            self.last.set_value(now);
            self.text.set(text.into());
        }
    }
}

/// The region itself.
#[component]
pub(crate) fn LiveRegion() -> impl IntoView {
    let announcer = Announcer::get();
    view! { <div class="vh" role="status" aria-live="polite" aria-atomic="true">{move || announcer.text.get()}</div> }
}
