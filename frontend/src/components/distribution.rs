//! Requests by duration: the merged histogram behind the quantiles, as bars of its buckets.

use leptos::prelude::*;

use crate::words::number;

const WIDTH: f64 = 316.0;
const HEIGHT: f64 = 44.0;
const GAP: f64 = 2.0;

/// Bars with their bounds. Needs at least one bucket.
pub(crate) fn distribution(buckets: &[(Option<f64>, f64)]) -> Option<AnyView> {
    let most = buckets.iter().map(|(_, count)| *count).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let step = WIDTH / buckets.len() as f64;
    let bars = buckets
        .iter()
        .enumerate()
        .map(|(index, (bound, count))| {
            let height = (HEIGHT * count / most).max(1.5);
            let (x, y) = (index as f64 * step, HEIGHT - height);
            view! {
                <rect x=x y=y width=step - GAP height=height rx="1.5">
                    <title>{format!("{}: {}", bound_words(*bound), number::counted(count.round() as usize, "request"))}</title>
                </rect>
            }
        })
        .collect_view();
    let (first, last) = (bound_words(buckets.first()?.0), bound_words(buckets.last()?.0));
    let name = format!("Requests by duration, {first} to {last}");
    Some(
        view! {
            <figure class="distribution">
                <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" role="img" aria-label=name>{bars}</svg>
                <figcaption class="row"><span>{first}</span><span class="grow"></span><span>{last}</span></figcaption>
            </figure>
        }
        .into_any(),
    )
}

fn bound_words(bound: Option<f64>) -> String {
    bound.map_or_else(
        || "longer".to_owned(),
        |ms| format!("up to {}", number::millis(ms)),
    )
}
