//! Dark, light or high contrast: from the address, else the saved choice, else the system's preference.

use leptos::prelude::*;

use crate::address::{Address, Choice, FrameState, History, ThemeChoice};

const SAVED: &str = "vigla.theme";

/// The theme of the page.
#[derive(Clone, Copy)]
pub(crate) struct Theme {
    saved: RwSignal<ThemeChoice>,
    /// What the document says: whoever reads colours from the style sheet must not be earlier than it.
    shown: RwSignal<ThemeChoice>,
}

impl Theme {
    /// Follows the address and writes the theme to the document.
    pub(crate) fn provide(address: Address) -> Self {
        let frame = address.state::<FrameState>();
        let saved = RwSignal::new(saved());
        let in_effect = Memo::new(move |_| {
            let wanted = [frame.read().theme, saved.get(), preferred()];
            wanted
                .into_iter()
                .find(|theme| *theme != ThemeChoice::Unsaid)
                .unwrap_or(ThemeChoice::Dark)
        });
        let shown = RwSignal::new(in_effect.get_untracked());
        Effect::new(move |_| {
            let theme = in_effect.get();
            if let Some(root) = document().document_element() {
                let _ = root.set_attribute("data-theme", theme.name());
            }
            shown.set(theme);
        });
        let theme = Self { saved, shown };
        provide_context(theme);
        theme
    }

    /// The theme of the page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// The theme that the document shows; tracked.
    pub(crate) fn current(self) -> ThemeChoice {
        self.shown.get()
    }

    /// Goes on to the next theme. Where the address names one, it changes there; else it is saved.
    pub(crate) fn next(self, address: Address) {
        let next = match self.shown.get_untracked() {
            ThemeChoice::Dark => ThemeChoice::Light,
            ThemeChoice::Light => ThemeChoice::Contrast,
            _ => ThemeChoice::Dark,
        };
        address.change::<FrameState>(History::Replace, |frame| {
            if frame.theme != ThemeChoice::Unsaid {
                frame.theme = next;
            }
        });
        if let Ok(Some(storage)) = window().local_storage() {
            // A browser that keeps nothing still changes this page.
            let _ = storage.set_item(SAVED, next.name());
        }
        self.saved.set(next);
    }
}

fn saved() -> ThemeChoice {
    let storage = window().local_storage().ok().flatten();
    let name = storage.and_then(|storage| storage.get_item(SAVED).ok().flatten());
    let known = ThemeChoice::ALL
        .iter()
        .find(|(_, known)| Some(*known) == name.as_deref());
    known.map_or(ThemeChoice::Unsaid, |(theme, _)| *theme)
}

fn preferred() -> ThemeChoice {
    let says = |query: &str| {
        window()
            .match_media(query)
            .ok()
            .flatten()
            .is_some_and(|media| media.matches())
    };
    if says("(prefers-contrast: more)") {
        ThemeChoice::Contrast
    } else if says("(prefers-color-scheme: light)") {
        ThemeChoice::Light
    } else {
        ThemeChoice::Dark
    }
}
