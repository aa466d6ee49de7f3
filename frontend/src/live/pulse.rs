//! Whether the console is live, and how old its newest data is: what the top bar says on every page.

use leptos::prelude::*;
use vigla_model::Timestamp;

use crate::words::time;

/// State of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Opening.
    Connecting,
    /// Pushed by the server.
    Live,
    /// The stream does not get through; the page asks by period.
    Asking,
    /// Broken; tried again.
    Retrying {
        /// Tries in a row that failed.
        tries: u32,
    },
    /// The server refused, and would again.
    Refused,
}

impl Connection {
    /// The word for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::Live => "Live",
            Self::Asking => "Asking every 2 s",
            Self::Retrying { .. } => "Reconnecting",
            Self::Refused => "Stopped",
        }
    }

    /// Whether data is coming.
    pub(crate) fn flows(self) -> bool {
        matches!(self, Self::Live | Self::Asking)
    }
}

/// Signals of the pulse.
#[derive(Clone, Copy)]
pub(crate) struct Pulse {
    stream: RwSignal<Option<Connection>>,
    newest: RwSignal<Option<Timestamp>>,
}

impl Pulse {
    /// Makes it known to all pages.
    pub(crate) fn provide() -> Self {
        let pulse = Self {
            stream: RwSignal::new(None),
            newest: RwSignal::new(None),
        };
        provide_context(pulse);
        pulse
    }

    /// The pulse of the page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// State of the stream; `None` on pages without one.
    pub(crate) fn stream(self) -> Option<Connection> {
        self.stream.get()
    }

    /// Moment of the newest data.
    pub(crate) fn newest(self) -> Option<Timestamp> {
        self.newest.get()
    }

    pub(super) fn set_stream(self, state: Connection) {
        if self.stream.get_untracked() != Some(state) {
            self.stream.set(Some(state));
        }
    }

    pub(super) fn forget_stream(self) {
        self.stream.try_set(None);
    }

    /// Newer data than known so far; an older moment changes nothing.
    pub(super) fn set_newest(self, at: &str) {
        if let Some(at) = time::parse(at) {
            self.set_newest_at(at);
        }
    }

    /// The same, by its moment.
    pub(super) fn set_newest_at(self, at: Timestamp) {
        if self.newest.get_untracked().is_none_or(|known| at > known) {
            self.newest.set(Some(at));
        }
    }
}
