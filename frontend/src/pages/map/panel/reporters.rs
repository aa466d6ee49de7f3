//! Both reporters apart, and what their difference means.

use leptos::prelude::*;
use vigla_api::{ByReporter, Traffic};

use crate::words::{difference, number};

/// A row for each kind of proxy.
pub(super) fn reporters(by: &ByReporter) -> impl IntoView + use<> {
    let rows = [
        ("Caller's proxy", by.source.as_ref()),
        ("Callee's proxy", by.destination.as_ref()),
    ]
    .map(|(name, traffic)| row(name, traffic));
    let sentence = difference(by.source.as_ref(), by.destination.as_ref())
        .unwrap_or_else(|| "Both agree within what counting at two moments explains.".to_owned());
    view! {
        <table class="tbl tight responses">
            <caption class="vh">"What each kind of proxy counted"</caption>
            <thead><tr><th scope="col">"Counted by"</th><th scope="col" class="r">"Rate"</th><th scope="col" class="r">"Failed"</th><th scope="col" class="r">"p95"</th></tr></thead>
            <tbody>{rows.into_iter().collect_view()}</tbody>
        </table>
        <p class="faint note">{sentence}</p>
    }
}

fn row(name: &'static str, traffic: Option<&Traffic>) -> impl IntoView + use<> {
    let rate = traffic.and_then(|t| {
        t.requests_per_second
            .map(number::rate)
            .or_else(|| t.connections_per_second.map(number::rate))
    });
    let failed = traffic.and_then(|t| t.error_share).map(number::share);
    let p95 = traffic
        .and_then(|t| t.latency.as_ref()?.p95_ms)
        .map(number::millis);
    view! {
        <tr><th scope="row">{name}</th>
            <td class="r num">{number::or_dash(rate)}</td><td class="r num">{number::or_dash(failed)}</td><td class="r num">{number::or_dash(p95)}</td></tr>
    }
}
