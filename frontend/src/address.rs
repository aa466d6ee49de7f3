//! The address is the state of the console: where it is read, and the only place that changes it.
//!
//! Plain types ([`Route`], [`Query`], the pages' [`ViewState`]s) do the work and are tested without a browser;
//! [`Address`] ties them to the browser's history. The console may be served below a path: all paths are kept
//! relative to the document's base.

mod frame;
mod list;
mod map;
mod query;
mod route;
mod state;

use leptos::{ev, prelude::*};
use wasm_bindgen::{JsCast, JsValue};

pub(crate) use frame::{FRAME_KEYS, FrameState, Panel, ThemeChoice};
pub(crate) use list::{ListState, ObjectState, Sort, TracesState};
pub(crate) use map::{EdgeLabel, Face, Hidden, Look, MapState, MapView, Selection};
pub(crate) use query::{Query, encode};
pub(crate) use route::{Named, ObjectPath, Route};
pub(crate) use state::{Choice, Notice, ViewState};

/// Whether a change of the address adds an entry to the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum History {
    /// Pages and filters: the back button undoes them.
    Add,
    /// Selection and zoom.
    Replace,
}

/// The browser's address as signals.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    base: StoredValue<String>,
    route: RwSignal<Route>,
    query: RwSignal<Query>,
}

impl Address {
    /// Reads the address and follows it.
    pub(crate) fn provide() -> Self {
        let base = base_path();
        let (route, query) = read(&base);
        let address = Self {
            base: StoredValue::new(base),
            route: RwSignal::new(route),
            query: RwSignal::new(query),
        };
        window_event_listener(ev::popstate, move |_| address.follow());
        window_event_listener(ev::click, move |event| address.take_click(&event));
        provide_context(address);
        address
    }

    /// The address of the page that asks.
    pub(crate) fn get() -> Self {
        expect_context()
    }

    /// The page.
    pub(crate) fn route(self) -> Signal<Route> {
        self.route.into()
    }

    /// What the address says to a page.
    pub(crate) fn state<S: ViewState>(self) -> Memo<S> {
        Memo::new(move |_| self.query.with(|query| S::from_query(query, &mut Vec::new())))
    }

    /// Values that a page did not understand.
    pub(crate) fn notices<S: ViewState>(self) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.query.with(|query| S::from_query(query, &mut notices));
        notices
    }

    /// Changes what the address says to a page.
    pub(crate) fn change<S: ViewState>(self, history: History, change: impl FnOnce(&mut S)) {
        let mut query = self.query.get_untracked();
        let mut state = S::from_query(&query, &mut Vec::new());
        change(&mut state);
        state.to_query(&mut query);
        if query != self.query.get_untracked() {
            self.write(&self.route.get_untracked(), &query, history);
            self.query.set(query);
        }
    }

    /// Goes to another page; scope, window and theme go along.
    pub(crate) fn go(self, route: Route, history: History) {
        let query = self.query.get_untracked().only(&FRAME_KEYS);
        self.write(&route, &query, history);
        self.query.set(query);
        self.route.set(route);
    }

    /// Goes on to the page that an address stands for, with all that the address says.
    pub(crate) fn redirect(self, route: Route) {
        self.write(&route, &self.query.get_untracked(), History::Replace);
        self.route.set(route);
    }

    /// Link to another page in the same scope, window and theme. Tracks them.
    pub(crate) fn href(self, route: &Route) -> String {
        self.href_with(route, |_| {})
    }

    /// Link to another page with state of its own.
    pub(crate) fn href_to<S: ViewState>(self, route: &Route, state: &S) -> String {
        self.href_with(route, |query| state.to_query(query))
    }

    /// Path of a resource of the server, below the base.
    pub(crate) fn resource(self, path: &str) -> String {
        self.base.with_value(|base| format!("{base}/{path}"))
    }

    fn href_with(self, route: &Route, change: impl FnOnce(&mut Query)) -> String {
        let mut query = self.query.with(|query| query.only(&FRAME_KEYS));
        change(&mut query);
        self.base
            .with_value(|base| format!("{base}{}{}", route.path(), query.suffix()))
    }

    fn write(self, route: &Route, query: &Query, history: History) {
        let url = self
            .base
            .with_value(|base| format!("{base}{}{}", route.path(), query.suffix()));
        let Ok(browser) = window().history() else {
            return;
        };
        // A browser refuses more than some hundred entries a minute; the page then goes on with an old address.
        let _ = match history {
            History::Add => browser.push_state_with_url(&JsValue::NULL, "", Some(&url)),
            History::Replace => browser.replace_state_with_url(&JsValue::NULL, "", Some(&url)),
        };
    }

    fn follow(self) {
        let (route, query) = self.base.with_value(|base| read(base));
        if query != self.query.get_untracked() {
            self.query.set(query);
        }
        if route != self.route.get_untracked() {
            self.route.set(route);
        }
    }

    /// Follows links to our own pages without loading them anew. Links with `download`, a target or another
    /// origin, and clicks with a key held, stay the browser's.
    fn take_click(self, event: &web_sys::MouseEvent) {
        let held = event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key();
        if event.default_prevented() || event.button() != 0 || held {
            return;
        }
        let target = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
        let link = target.and_then(|element| element.closest("a[href]").ok().flatten());
        let Some(link) = link.and_then(|link| link.dyn_into::<web_sys::HtmlAnchorElement>().ok()) else {
            return;
        };
        let same_origin = window()
            .location()
            .origin()
            .is_ok_and(|origin| origin == link.origin());
        let below_base = self.base.with_value(|base| {
            link.pathname()
                .strip_prefix(base.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        });
        let fragment = link.hash().len() > 1;
        if !same_origin
            || !below_base
            || fragment
            || link.has_attribute("download")
            || !link.target().is_empty()
        {
            return;
        }
        event.prevent_default();
        if let Ok(history) = window().history() {
            let _ = history.push_state_with_url(&JsValue::NULL, "", Some(&link.href()));
        }
        self.follow();
    }
}

/// Path of the document's base without the last slash; empty when the console has the whole origin.
fn base_path() -> String {
    let uri = document().base_uri().ok().flatten().unwrap_or_default();
    let path = web_sys::Url::new(&uri)
        .map(|url| url.pathname())
        .unwrap_or_default();
    path.rsplit_once('/')
        .map_or(String::new(), |(folder, _)| folder.to_owned())
}

fn read(base: &str) -> (Route, Query) {
    let location = window().location();
    let path = location.pathname().unwrap_or_default();
    let search = location.search().unwrap_or_default();
    let below = path.strip_prefix(base).unwrap_or(&path);
    (Route::parse(below), Query::parse(&search))
}
