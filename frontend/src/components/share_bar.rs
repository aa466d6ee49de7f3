//! A share as a bar. The number always stands beside it.

use leptos::prelude::*;

/// `share` from 0.0 to 1.0, in the colour of a class.
pub(crate) fn share_bar(share: f64, class: &'static str) -> impl IntoView {
    // Even the smallest share is seen.
    let width = if share > 0.0 {
        (share * 100.0).clamp(2.0, 100.0)
    } else {
        0.0
    };
    view! {
        <svg class=format!("share-bar {class}") viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
            <rect class="track" width="100" height="6"/>
            <rect class="fill" width=width height="6"/>
        </svg>
    }
}
