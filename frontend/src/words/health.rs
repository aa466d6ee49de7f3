//! The five states and how each is told: a word, a shape and a colour.

use vigla_api::Health;

/// State of a node, edge or list row, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum State {
    /// No threshold is reached.
    Ok,
    /// There was no traffic.
    NoTraffic,
    /// Nobody could count.
    Unknown,
    /// A first threshold is reached.
    Degraded,
    /// A second threshold is reached.
    Failing,
}

impl State {
    /// All states, worst first.
    pub(crate) const WORST_FIRST: [Self; 5] = [
        Self::Failing,
        Self::Degraded,
        Self::Unknown,
        Self::NoTraffic,
        Self::Ok,
    ];

    /// Reads the API's word; a word that a newer server may use is unknown.
    pub(crate) fn of(health: &Health) -> Self {
        match health.state.as_str() {
            "ok" => Self::Ok,
            "degraded" => Self::Degraded,
            "failing" => Self::Failing,
            "no_traffic" => Self::NoTraffic,
            _ => Self::Unknown,
        }
    }

    /// The word for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "healthy",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
            Self::Unknown => "unknown",
            Self::NoTraffic => "no traffic",
        }
    }

    /// Name of the glyph in the icon file: the shape that tells the state without colour.
    pub(crate) fn glyph(self) -> &'static str {
        match self {
            Self::Ok => "g-ok",
            Self::Degraded => "g-warn",
            Self::Failing => "g-err",
            Self::Unknown => "g-unknown",
            Self::NoTraffic => "g-idle",
        }
    }

    /// Class of the state's colour.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "warn",
            Self::Failing => "err",
            Self::Unknown => "unknown",
            Self::NoTraffic => "idle",
        }
    }

    /// Whether a person should look.
    pub(crate) fn is_problem(self) -> bool {
        matches!(self, Self::Degraded | Self::Failing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_newer_server_are_unknown() {
        let health = |state: &str| Health {
            state: state.into(),
            why: Vec::new(),
        };
        assert_eq!(State::of(&health("failing")), State::Failing);
        assert_eq!(State::of(&health("melting")), State::Unknown);
    }

    #[test]
    fn every_state_has_its_own_shape_and_word() {
        let mut seen = std::collections::BTreeSet::new();
        for state in State::WORST_FIRST {
            assert!(seen.insert(state.glyph()) && seen.insert(state.word()));
        }
        assert!(State::WORST_FIRST.windows(2).all(|pair| pair[0] > pair[1]));
    }
}
