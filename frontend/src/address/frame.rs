//! What all pages have in their address: scope, window and theme.

use std::collections::BTreeSet;

use vigla_model::Window;

use super::{
    query::Query,
    state::{Choice, Notice, ViewState},
};

/// Keys that a link to another page takes along.
pub(crate) const FRAME_KEYS: [&str; 4] = ["ns", "from", "theme", "panel"];

/// The part of an address that all pages share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FrameState {
    /// Namespaces in scope; empty is all that the reader may see.
    pub(crate) namespaces: BTreeSet<String>,
    /// How far back numbers are counted: `from=now-5m`.
    pub(crate) window: Window,
    /// Theme that the address asks for.
    pub(crate) theme: ThemeChoice,
    /// What lies over the page.
    pub(crate) panel: Panel,
}

impl Default for FrameState {
    fn default() -> Self {
        Self {
            namespaces: BTreeSet::new(),
            window: Window::MINUTE,
            theme: ThemeChoice::Unsaid,
            panel: Panel::None,
        }
    }
}

/// Theme in the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThemeChoice {
    /// The saved choice, else the system's preference.
    Unsaid,
    /// Dark.
    Dark,
    /// Light.
    Light,
    /// High contrast.
    Contrast,
}

impl Choice for ThemeChoice {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Unsaid, "system"),
        (Self::Dark, "dark"),
        (Self::Light, "light"),
        (Self::Contrast, "contrast"),
    ];
}

/// A work panel over the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Panel {
    /// None.
    None,
    /// The demo's scenarios.
    Scenarios,
}

impl Choice for Panel {
    const ALL: &'static [(Self, &'static str)] = &[(Self::None, "none"), (Self::Scenarios, "scenarios")];
}

impl ViewState for FrameState {
    fn from_query(query: &Query, notices: &mut Vec<Notice>) -> Self {
        let namespaces = query.get("ns").unwrap_or_default().split(',');
        Self {
            namespaces: namespaces
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            window: read_window(query, notices),
            theme: ThemeChoice::read(query, "theme", notices),
            panel: Panel::read(query, "panel", notices),
        }
    }

    fn to_query(&self, query: &mut Query) {
        let names: Vec<&str> = self.namespaces.iter().map(String::as_str).collect();
        query.set("ns", (!names.is_empty()).then(|| names.join(",")));
        let from = (self.window != Window::MINUTE).then(|| format!("now-{}", self.window));
        query.set("from", from);
        self.theme.write(query, "theme");
        self.panel.write(query, "panel");
    }
}

fn read_window(query: &Query, notices: &mut Vec<Notice>) -> Window {
    let Some(text) = query.get("from") else {
        return Window::MINUTE;
    };
    let window = text.strip_prefix("now-").and_then(|window| window.parse().ok());
    window.unwrap_or_else(|| {
        notices.push(Notice {
            key: "from",
            value: text.to_owned(),
            used: "the last minute".to_owned(),
        });
        Window::MINUTE
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn defaults_are_left_out_and_strangers_are_kept() {
        let mut query = Query::parse("x=1&ns=b,a&from=now-5m&theme=dark");
        let mut state = FrameState::from_query(&query, &mut Vec::new());
        assert_eq!(state.window.to_string(), "5m");
        state.window = Window::MINUTE;
        state.theme = ThemeChoice::Unsaid;
        state.to_query(&mut query);
        assert_eq!(query.to_string(), "x=1&ns=a,b");
    }

    #[test]
    fn wrong_values_fall_back_and_say_so() {
        let mut notices = Vec::new();
        let state = FrameState::from_query(&Query::parse("from=yesterday&theme=pink"), &mut notices);
        assert_eq!(state, FrameState::default());
        assert_eq!(
            notices.iter().map(|notice| notice.key).collect::<Vec<_>>(),
            ["from", "theme"]
        );
        assert!(notices[1].to_string().contains("theme=pink"));
    }

    proptest! {
        #[test]
        fn the_frame_survives_the_address(
            names in prop::collection::btree_set("[a-z][a-z0-9-]{0,8}", 0..4),
            seconds in 1u32..100_000,
            theme in 0usize..4,
            panel in 0usize..2,
        ) {
            let state = FrameState {
                namespaces: names,
                window: format!("{seconds}s").parse().expect("in bounds"),
                theme: ThemeChoice::ALL[theme].0,
                panel: Panel::ALL[panel].0,
            };
            let mut query = Query::parse("stranger=kept");
            state.to_query(&mut query);
            let query = Query::parse(&query.to_string());
            let mut notices = Vec::new();
            prop_assert_eq!(FrameState::from_query(&query, &mut notices), state);
            prop_assert!(notices.is_empty());
            prop_assert_eq!(query.get("stranger"), Some("kept"));
        }
    }
}
