//! Keys that work anywhere on the page, and the commands that they become.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;

use super::{
    Rail, Theme,
    keys::{Action, KeyReader},
};
use crate::{
    address::{Address, FrameState, History, MapState, Panel, Route},
    components::Announcer,
};

/// Commands for the page that is open.
#[derive(Clone, Copy)]
pub(crate) struct Commands {
    last: RwSignal<Option<(u32, Action)>>,
    /// Whether the help is open.
    pub(crate) help: RwSignal<bool>,
}

impl Commands {
    /// Makes them known to all pages.
    pub(crate) fn provide() -> Self {
        let commands = Self {
            last: RwSignal::new(None),
            help: RwSignal::new(false),
        };
        provide_context(commands);
        commands
    }

    /// The commands of the page.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// Gives a command to the page.
    pub(crate) fn send(self, action: Action) {
        let count = self.last.get_untracked().map_or(0, |(count, _)| count);
        self.last.set(Some((count + 1, action)));
    }

    /// Follows commands while the caller's owner lives; those from before are not seen.
    pub(crate) fn on(self, mut act: impl FnMut(Action) + 'static) {
        let seen = self.last.get_untracked().map_or(0, |(count, _)| count);
        Effect::new(move |last: Option<u32>| {
            let last = last.unwrap_or(seen);
            match self.last.get() {
                Some((count, action)) if count > last => {
                    untrack(|| act(action));
                    count
                }
                _ => last,
            }
        });
    }
}

/// Listens to the keys of the page.
pub(crate) fn listen(address: Address, commands: Commands, theme: Theme, rail: Rail, announcer: Announcer) {
    let reader = StoredValue::new(KeyReader::default());
    window_event_listener(ev::keydown, move |event| {
        if event.default_prevented() || event.ctrl_key() || event.alt_key() || event.meta_key() {
            return;
        }
        let key = event.key();
        if key != "Escape" && (in_field(&event) || dialog_is_open()) {
            return;
        }
        let on_map = matches!(address.route().get_untracked(), Route::Map);
        let pressed = reader
            .try_update_value(|reader| reader.press(&key, on_map))
            .flatten();
        let Some(action) = pressed else { return };
        if action != Action::Close {
            event.prevent_default();
        }
        match action {
            Action::Help => commands.help.set(true),
            Action::Theme => theme.next(address),
            Action::SideBar => rail.toggle(),
            Action::CopyLink => copy_link(announcer),
            Action::Search => focus_search(),
            Action::Scenarios => address.change::<FrameState>(History::Replace, |frame| {
                frame.panel = if frame.panel == Panel::None {
                    Panel::Scenarios
                } else {
                    Panel::None
                };
            }),
            Action::GoMap => address.go(Route::Map, History::Add),
            Action::GoServices => address.go(Route::Services, History::Add),
            Action::GoWorkloads => address.go(Route::Workloads, History::Add),
            Action::GoConfig => address.go(Route::Config, History::Add),
            Action::GoTraces => address.go(Route::Traces, History::Add),
            Action::GoSources => address.go(Route::Sources, History::Add),
            Action::GoBack => {
                let _ = window().history().and_then(|history| history.back());
            }
            Action::Close => close_innermost(address),
            _ => commands.send(action),
        }
    });
}

fn close_innermost(address: Address) {
    let panel = address.state::<FrameState>().get_untracked().panel;
    if panel != Panel::None {
        address.change::<FrameState>(History::Replace, |frame| frame.panel = Panel::None);
    } else {
        address.change::<MapState>(History::Replace, |map| map.selection = None);
    }
}

/// Copies the address of the page.
pub(super) fn copy_link(announcer: Announcer) {
    let Ok(link) = window().location().href() else {
        return;
    };
    let copied = js_sys::Reflect::get(&window().navigator(), &"clipboard".into())
        .ok()
        .filter(|clipboard| !clipboard.is_undefined());
    let write = copied
        .as_ref()
        .and_then(|clipboard| js_sys::Reflect::get(clipboard, &"writeText".into()).ok());
    match (
        copied,
        write.and_then(|write| write.dyn_into::<js_sys::Function>().ok()),
    ) {
        (Some(clipboard), Some(write)) => {
            let _ = write.call1(&clipboard, &link.into());
            announcer.answer("Link copied");
        }
        _ => announcer.answer("This browser lets no page copy; the link is in the address bar"),
    }
}

fn focus_search() {
    let field = document().query_selector("[data-search]").ok().flatten();
    if let Some(field) = field.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = field.focus();
    }
}

fn in_field(event: &web_sys::KeyboardEvent) -> bool {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|element| {
        element
            .matches("input:not([type=checkbox]), textarea, select, [contenteditable]")
            .unwrap_or(false)
    })
}

fn dialog_is_open() -> bool {
    document()
        .query_selector("dialog[open]")
        .is_ok_and(|dialog| dialog.is_some())
}
