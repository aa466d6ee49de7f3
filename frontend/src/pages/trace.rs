//! One trace as a waterfall.

mod tree;

use leptos::prelude::*;
use vigla_api::{SpanBody, TraceDetail};

use crate::{
    address::Address,
    components::{failed_face, glyph_named, loading_face},
    live::Fetched,
    words::{number, time},
};
use tree::{Branch, branches};

/// Late spans of a trace may still come.
const TRACE_MS: f64 = 15_000.0;
/// Rows that are drawn; a trace of a mesh has some dozens of spans.
const MOST_ROWS: usize = 500;
/// Width of the picture in its own units; the page stretches it.
const WIDTH: f64 = 1000.0;

/// The page.
#[component]
pub(crate) fn TracePage(
    /// Id of the trace.
    id: String,
) -> impl IntoView {
    let address = Address::get();
    let path = format!("api/v1/traces/{}", crate::address::encode(&id));
    let detail = Fetched::<TraceDetail>::from_url(move || Some(address.resource(&path)), TRACE_MS);
    let sub = move || detail.value().map(|detail| summary(&detail));
    let title = move || {
        detail
            .value()
            .map_or_else(|| "Trace".to_owned(), |detail| detail.item.name.clone())
    };
    let selected = RwSignal::new(None::<usize>);
    view! {
        <div class="page" class:is-stale=move || detail.error().is_some()>
            <div class="head"><h1>{title}</h1><p class="sub">{sub}</p></div>
            <p class="faint"><code>{id}</code></p>
            {move || match (detail.value(), detail.error()) {
                (Some(detail), _) => waterfall(&detail, selected).into_any(),
                (None, Some(error)) => failed_face(&error, Some(Callback::new(move |()| detail.ask_again()))).into_any(),
                (None, None) => loading_face(10, "Asking for the trace").into_any(),
            }}
        </div>
    }
}

fn summary(detail: &TraceDetail) -> String {
    let item = &detail.item;
    let began = time::parse(&item.start).map_or_else(|| item.start.clone(), time::clock);
    let mut parts = vec![
        number::millis(item.duration_ms),
        number::counted(item.spans, "span"),
        number::counted(item.services.len(), "service"),
        format!("began at {began} UTC"),
        detail.source.clone(),
    ];
    if item.withheld > 0 {
        parts.push(format!(
            "{} of namespaces that you may not read",
            number::counted(item.withheld, "span")
        ));
    }
    if detail.dropped > 0 {
        parts.push(format!(
            "{} over the bound of a trace",
            number::counted(detail.dropped, "span")
        ));
    }
    parts.join(" · ")
}

fn waterfall(detail: &TraceDetail, selected: RwSignal<Option<usize>>) -> impl IntoView + use<> {
    let whole = detail.item.duration_ms.max(0.001);
    let all = branches(&detail.all);
    let left = all.len().saturating_sub(MOST_ROWS);
    let spans = StoredValue::new(detail.all.clone());
    let rows = all
        .iter()
        .take(MOST_ROWS)
        .filter_map(|branch| Some(row(branch, detail.all.get(branch.span)?, whole, selected)))
        .collect_view();
    view! {
        <div class="card tbl-scroll" tabindex="0" role="region" aria-label="Spans"><table class="tbl waterfall">
            <caption class="vh">"Spans of the trace, in the order of calls"</caption>
            <thead><tr><th scope="col">"Span"</th><th scope="col">"Answer"</th><th scope="col">"Route that decided"</th>
                <th scope="col" class="r">"Took"</th><th scope="col">{format!("0 to {}", number::millis(whole))}</th></tr></thead>
            <tbody>{rows}</tbody>
        </table></div>
        {(left > 0).then(|| view! { <p class="faint foot">{format!("{} more are not drawn; the API has all of them.", number::counted(left, "span"))}</p> })}
        {move || selected.get().and_then(|at| spans.with_value(|spans| spans.get(at).map(facts)))}
    }
}

fn row(
    branch: &Branch,
    span: &SpanBody,
    whole: f64,
    selected: RwSignal<Option<usize>>,
) -> impl IntoView + use<> {
    let (x, width) = (
        (span.offset_ms / whole * WIDTH).clamp(0.0, WIDTH),
        (span.duration_ms / whole * WIDTH).clamp(2.0, WIDTH),
    );
    let (index, depth) = (branch.span, branch.depth.min(12));
    let who = span.workload.clone().unwrap_or_else(|| span.service.clone());
    let class = match (span.error, span.kind.as_str()) {
        (true, _) => "bar failed",
        (false, "client" | "producer") => "bar sent",
        _ => "bar",
    };
    view! {
        <tr class:on=move || selected.get() == Some(index)>
            <th scope="row"><span class=format!("depth d{depth}")>
                {span.error.then(|| glyph_named("g-err", "err"))}
                <button type="button" class="link" aria-pressed=move || (selected.get() == Some(index)).to_string()
                    on:click=move |_| selected.update(|at| *at = (*at != Some(index)).then_some(index))>{who}</button>
                " "<span class="faint">{span.name.clone()}</span>
            </span></th>
            <td class="num" class:err=span.error>{answer(span)}</td>
            <td class="wrap"><code>{tag(span, &["vigla.route.origin"])}</code></td>
            <td class="r num">{number::millis(span.duration_ms)}</td>
            <td class="lane"><svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
                <rect class=class x=x.min(WIDTH - 2.0) y="1" width=width height="8"/>
            </svg></td>
        </tr>
    }
}

/// What the span says of itself.
fn facts(span: &SpanBody) -> impl IntoView + use<> {
    let tags = span.tags.iter().map(|(key, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        view! { <div class="row"><dt>{key.clone()}</dt><dd><code>{text}</code></dd></div> }
    });
    let events = span.events.iter().map(|event| {
        view! { <li>{number::millis(event.offset_ms)}" "{event.name.clone()}</li> }
    });
    let (tags, events): (Vec<_>, Vec<_>) = (tags.collect(), events.collect());
    view! {
        <section class="card span-facts" aria-label="The chosen span">
            <header><h2>{span.name.clone()}</h2><span class="quiet">{format!("{} · {}", span.kind, span.service)}</span></header>
            {span.message.clone().map(|message| view! { <p class="err">{message}</p> })}
            <dl>{tags}</dl>
            {(!events.is_empty()).then(|| view! { <h3>"Events"</h3><ul>{events.into_iter().collect_view()}</ul> })}
            {(span.dropped > 0).then(|| view! { <p class="faint">{format!("{} more were left out", span.dropped)}</p> })}
        </section>
    }
}

/// Status and response flags, where the span has them.
fn answer(span: &SpanBody) -> String {
    let status = tag(
        span,
        &[
            "http.response.status_code",
            "http.status_code",
            "rpc.grpc.status_code",
            "grpc.status_code",
        ],
    );
    let flags = tag(span, &["response_flags"]).filter(|flags| flags != "-");
    let parts: Vec<String> = status.into_iter().chain(flags).collect();
    if parts.is_empty() {
        number::UNMEASURED.to_owned()
    } else {
        parts.join(" ")
    }
}

fn tag(span: &SpanBody, keys: &[&str]) -> Option<String> {
    let value = keys.iter().find_map(|key| span.tags.get(*key))?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_from_both_conventions() {
        let span = |key: &str, value: serde_json::Value| SpanBody {
            tags: [(key.to_owned(), value)].into(),
            ..SpanBody::default()
        };
        assert_eq!(answer(&span("http.response.status_code", 503.into())), "503");
        assert_eq!(answer(&span("http.status_code", "200".into())), "200");
        assert_eq!(answer(&span("response_flags", "-".into())), number::UNMEASURED);
    }
}
