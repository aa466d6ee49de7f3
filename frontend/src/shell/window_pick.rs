//! How far back numbers are counted.

use leptos::prelude::*;
use vigla_model::Window;

use crate::{
    address::{Address, FrameState, History},
    components::icon_small,
    words::time,
};

/// Windows that are offered; any other can stand in the address.
const OFFERED: [&str; 6] = ["30s", "1m", "5m", "15m", "30m", "1h"];

/// A list of windows.
#[component]
pub(crate) fn WindowPick() -> impl IntoView {
    let address = Address::get();
    let frame = address.state::<FrameState>();
    let window = Memo::new(move |_| frame.read().window);
    let options = move || {
        let chosen = window.get();
        offered(chosen)
            .into_iter()
            .map(|window| {
                let words = format!("Last {}", time::span(window.seconds()));
                view! { <option value=window.to_string() selected=window == chosen>{words}</option> }
            })
            .collect_view()
    };
    let choose = move |event: web_sys::Event| {
        if let Ok(window) = event_target_value(&event).parse::<Window>() {
            address.change::<FrameState>(History::Add, |frame| frame.window = window);
        }
    };
    view! {
        <label class="field window-pick" title="Numbers are counted over this window; times are UTC">
            {icon_small("i-clock")}
            <span class="vh">"Window"</span>
            <select on:change=choose>{options}</select>
        </label>
    }
}

fn offered(chosen: Window) -> Vec<Window> {
    let mut windows: Vec<Window> = OFFERED.iter().filter_map(|text| text.parse().ok()).collect();
    if !windows.contains(&chosen) {
        windows.push(chosen);
        windows.sort();
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresss_own_window_is_offered_too() {
        let own = "7m".parse().unwrap();
        assert_eq!(offered(own).iter().position(|window| *window == own), Some(3));
        assert_eq!(offered(Window::MINUTE).len(), OFFERED.len());
    }
}
