//! What of the mesh's config is not in effect: files that cannot be read, parts that cannot be compiled.

use leptos::prelude::*;
use vigla_api::{Place, Status};

use crate::{
    components::{glyph_named, reference},
    words::number,
};

/// Both kinds of trouble; nothing when there is none.
pub(crate) fn config_troubles(status: &Status) -> impl IntoView + use<> {
    let unread = status.config_errors.iter().map(|error| {
        view! { <li><code class="err">{at(&error.place)}</code>" "{error.message.clone()}</li> }
    });
    let left_out = status.config_problems.iter().map(|problem| {
        let proxies = number::counted(problem.proxies, "instance");
        view! {
            <li>{reference(&problem.object, problem.place.line)}" "<code>{at(&problem.place)}</code>" "{problem.message.clone()}
                " "<span class="faint">{format!("affects {proxies}")}</span></li>
        }
    });
    let (unread, left_out): (Vec<_>, Vec<_>) = (unread.collect(), left_out.collect());
    view! {
        {(!unread.is_empty()).then(|| view! {
            <section class="why">
                <h2>{glyph_named("g-err", "err")}{number::counted(unread.len(), "config file")}" cannot be read"</h2>
                <p>"What was in effect before stays in effect."</p>
                <ul>{unread.into_iter().collect_view()}</ul>
            </section>
        })}
        {(!left_out.is_empty()).then(|| view! {
            <section class="why">
                <h2>{glyph_named("g-warn", "warn")}{number::counted(left_out.len(), "part")}" of the config is not in effect"</h2>
                <p>"The bundled control plane leaves it out; everything else works."</p>
                <ul>{left_out.into_iter().collect_view()}</ul>
            </section>
        })}
    }
}

/// `file:line:column`, as far as it is known.
fn at(place: &Place) -> String {
    let file = place.file.as_deref().unwrap_or("-");
    match (place.line, place.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        (Some(line), None) => format!("{file}:{line}"),
        _ => file.to_owned(),
    }
}
