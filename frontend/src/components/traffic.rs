//! Traffic as panels and pages show it: headline numbers, answers, latency.

use leptos::prelude::*;
use vigla_api::Traffic;

use super::{distribution, glyph, share_bar};
use crate::words::{State, failed, flag_words, number, response_words};

/// Three headline numbers: rate, failed share, 95th percentile. For TCP: bytes both ways and connections.
pub(crate) fn headline(traffic: &Traffic) -> impl IntoView + use<> {
    let numbers = headline_numbers(traffic)
        .into_iter()
        .map(|(name, value, class)| view! { <div><dt>{name}</dt><dd class=class>{value}</dd></div> });
    view! { <dl class="headline">{numbers.collect_view()}</dl> }
}

fn headline_numbers(traffic: &Traffic) -> Vec<(&'static str, String, &'static str)> {
    let Some(rate) = traffic.requests_per_second else {
        let bytes = traffic.bytes_per_second;
        return vec![
            (
                "To the callee",
                number::or_dash(bytes.map(|bytes| number::bytes_rate(bytes.sent))),
                "num",
            ),
            (
                "To the caller",
                number::or_dash(bytes.map(|bytes| number::bytes_rate(bytes.received))),
                "num",
            ),
            (
                "Opened",
                number::or_dash(traffic.connections_per_second.map(number::rate)),
                "num",
            ),
        ];
    };
    let p95 = traffic.latency.as_ref().and_then(|latency| latency.p95_ms);
    let class = if traffic.error_share.is_some_and(|share| share > 0.0) {
        "num err"
    } else {
        "num"
    };
    vec![
        ("Requests", number::rate(rate), "num"),
        (
            "Failed",
            number::or_dash(traffic.error_share.map(number::share)),
            class,
        ),
        ("p95", number::or_dash(p95.map(number::millis)), "num"),
    ]
}

/// Requests by answer, with bars and what the flags mean.
pub(crate) fn responses(traffic: &Traffic) -> Option<AnyView> {
    let all: f64 = traffic
        .responses
        .iter()
        .map(|response| response.requests_per_second)
        .sum();
    if all <= 0.0 {
        return None;
    }
    let rows = traffic.responses.iter().map(|response| {
        let share = response.requests_per_second / all;
        let (state, class) = if failed(response) {
            (State::Failing, "err")
        } else {
            (State::Ok, "")
        };
        let flags =
            (response.flags != "-").then(|| view! { <code class=class>{response.flags.clone()}</code> });
        view! {
            <tr>
                <th scope="row">{glyph(state)}" "{response_words(response)}" "{flags}</th>
                <td class="bar-cell">{share_bar(share, class)}</td>
                <td class="r num">{number::rate(response.requests_per_second)}</td>
                <td class="r num">{number::share(share)}</td>
            </tr>
        }
    });
    let mut flags: Vec<(String, String)> = traffic
        .responses
        .iter()
        .flat_map(|response| flag_words(&response.flags))
        .collect();
    flags.dedup();
    let words = flags
        .into_iter()
        .map(|(flag, words)| view! { <li><code>{flag}</code>" "{words}</li> });
    Some(
        view! {
            <table class="tbl tight responses">
                <caption class="vh">"Requests by answer"</caption>
                <thead class="vh"><tr><th scope="col">"Answer"</th><th scope="col">"Bar"</th><th scope="col">"Rate"</th><th scope="col">"Share"</th></tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
            <ul class="flag-words">{words.collect_view()}</ul>
        }
        .into_any(),
    )
}

/// Quantiles and the distribution behind them.
pub(crate) fn latency(traffic: &Traffic) -> Option<AnyView> {
    let latency = traffic.latency.as_ref()?;
    let quantiles = [
        ("p50", latency.p50_ms),
        ("p90", latency.p90_ms),
        ("p95", latency.p95_ms),
        ("p99", latency.p99_ms),
    ];
    let numbers = quantiles.map(|(name, ms)| {
        view! { <div><dt>{name}</dt><dd class="num">{number::or_dash(ms.map(number::millis))}</dd></div> }
    });
    Some(
        view! {
            <dl class="headline four">{numbers.into_iter().collect_view()}</dl>
            {distribution(&latency.buckets)}
            <p class="faint note">{format!("Answered: {}, by merged histograms.", number::counted(latency.count as usize, "request"))}</p>
        }
        .into_any(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigla_api::BytesPerSecond;

    #[test]
    fn bytes_stand_in_for_requests_where_there_are_none() {
        let tcp = Traffic {
            bytes_per_second: Some(BytesPerSecond {
                sent: 500.0,
                received: 84_000.0,
            }),
            ..Traffic::default()
        };
        let names: Vec<_> = headline_numbers(&tcp)
            .into_iter()
            .map(|(name, ..)| name)
            .collect();
        assert_eq!(names, ["To the callee", "To the caller", "Opened"]);
        let http = Traffic {
            requests_per_second: Some(48.1),
            error_share: Some(0.101),
            ..Traffic::default()
        };
        let told = headline_numbers(&http);
        assert_eq!(
            (told[1].1.as_str(), told[1].2, told[2].1.as_str()),
            ("10.1\u{202f}%", "num err", "–")
        );
    }
}
