//! The time now, as the server tells it: ages must not depend on the clock of the reader's machine.

use std::time::Duration;

use leptos::prelude::*;
use vigla_model::Timestamp;

/// A clock that ticks once a second while the page can be seen.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    now: RwSignal<Timestamp>,
    ahead_ms: StoredValue<f64>,
}

impl Clock {
    /// Starts the clock.
    pub(crate) fn provide() -> Self {
        let clock = Self {
            now: RwSignal::new(Timestamp(local_ms() as i64)),
            ahead_ms: StoredValue::new(0.0),
        };
        provide_context(clock);
        set_interval(
            move || {
                if !document().hidden() {
                    clock.tick();
                }
            },
            Duration::from_secs(1),
        );
        clock
    }

    /// The clock of the page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// The time now; tracked.
    pub(crate) fn now(self) -> Timestamp {
        self.now.get()
    }

    /// The time now, without following it.
    pub(crate) fn glance(self) -> Timestamp {
        self.now.get_untracked()
    }

    /// Follows the server's clock.
    pub(crate) fn set_server_time(self, server: Timestamp) {
        self.ahead_ms.set_value(server.millis() as f64 - local_ms());
        self.tick();
    }

    fn tick(self) {
        self.now
            .set(Timestamp((local_ms() + self.ahead_ms.get_value()) as i64));
    }
}

fn local_ms() -> f64 {
    js_sys::Date::now()
}
