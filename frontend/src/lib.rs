//! The browser part of the console.
//!
//! Plain types hold what is decided (`address`, `words`, the map's walks and gestures) and have ordinary tests;
//! components draw them. Only `client` talks to the server. The address is the state: every view can be linked.

#![expect(
    unreachable_pub,
    reason = "the component macro writes `pub` for what it makes of a component"
)]

mod address;
mod app;
mod client;
mod components;
mod live;
mod pages;
mod scenarios;
mod shell;
mod words;

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the console in the page's body; called by the module's loader.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(app::App);
}
