//! The table twin: all that the map shows, as a real table that is always there. Seen on demand and in narrow windows.

use std::{collections::HashMap, sync::Arc};

use leptos::prelude::*;
use vigla_api::{Graph, Why};
use vigla_graph::{HealthState, View};
use vigla_scene::{Target, table};

use super::picture::{Picture, selection};
use crate::{
    address::{Address, History, MapState, Selection},
    components::{reference, state_glyph},
    words::{State, number},
};

/// Most rows in the document; a larger map is to be narrowed first.
const MOST_ROWS: usize = 600;

/// One line.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    key: String,
    level: u8,
    name: String,
    second: String,
    state: State,
    selection: Option<Selection>,
    cells: [String; 4],
    fails: bool,
    plain: bool,
    why: Option<Why>,
}

/// The table.
#[component]
pub(super) fn Twin(graph: Signal<Option<Arc<Graph>>>, picture: Picture, shown: Memo<bool>) -> impl IntoView {
    let address = Address::get();
    let state = address.state::<MapState>();
    let selected = Memo::new(move |_| state.read().selection.clone());
    let lines = Memo::new(move |_| {
        let (view, graph) = (picture.view.get(), graph.get());
        view.zip(graph)
            .map(|(view, graph)| lines(&view, &graph))
            .unwrap_or_default()
    });
    let keys = move || {
        lines
            .read()
            .iter()
            .take(MOST_ROWS)
            .map(|line| (line.key.clone(), line.level))
            .collect::<Vec<_>>()
    };
    let row = move |(key, level): (String, u8)| {
        let line = Memo::new(move |_| lines.read().iter().find(|line| line.key == key).cloned());
        let own = line.get_untracked().and_then(|line| line.selection);
        let is_selected = {
            let own = own.clone();
            Memo::new(move |_| own.is_some() && *selected.read() == own)
        };
        let choose = move || {
            let chosen = own.clone();
            address.change::<MapState>(History::Replace, |map| map.selection = chosen);
        };
        let cell = move |index: usize| move || line.read().as_ref().map(|line| line.cells[index].clone());
        let glyph = move || line.read().as_ref().map(|line| state_glyph(line.state));
        let name = move || line.read().as_ref().map(|line| line.name.clone());
        let label = if level == 0 {
            view! { <span class="strong">{name}</span> }.into_any()
        } else {
            let tab = move || if shown.get() { "0" } else { "-1" };
            view! { <button type="button" class="link" tabindex=tab on:click=move |_| choose()>{name}</button> }.into_any()
        };
        view! {
            <tr class=format!("level-{level}") class:sel=move || is_selected.get() aria-current=move || is_selected.get().then_some("true")>
                <th scope="row"><span class="twin-name">{(level == 2).then(|| view! { <span class="faint"><span class="vh">"calls"</span><span aria-hidden="true">"→"</span></span> })}
                    {glyph}{label}<span class="faint">{move || line.read().as_ref().map(|line| line.second.clone())}</span></span></th>
                <td class="r num">{cell(0)}</td>
                <td class="r num" class:err=move || line.read().as_ref().is_some_and(|line| line.fails)>{cell(1)}</td>
                <td class="r num">{cell(2)}</td>
                <td class="r num" class:warn=move || line.read().as_ref().is_some_and(|line| line.plain)>{cell(3)}</td>
                <td>{move || line.read().as_ref().and_then(|line| line.why.as_ref()).and_then(decided_by)}</td>
            </tr>
        }
    };
    let foot = move || {
        let (all, calls) = (
            lines.read().len(),
            graph.read().as_ref().map_or(0, |graph| graph.edges.len()),
        );
        if all > MOST_ROWS {
            format!(
                "The first {MOST_ROWS} of {} rows. Fewer namespaces in scope show the rest.",
                number::grouped(all as u64)
            )
        } else {
            format!(
                "{}, all of them; nothing is left out here.",
                number::counted(calls, "call")
            )
        }
    };
    view! {
        <div class="twin" class:vh=move || !shown.get()>
            <div class="card tbl-scroll">
                <table class="tbl tight">
                    <caption class="vh">"Nodes and their calls, by namespace"</caption>
                    <thead><tr><th scope="col">"Namespace, node, call"</th><th scope="col" class="r">"Rate"</th><th scope="col" class="r">"Failed"</th>
                        <th scope="col" class="r">"p95"</th><th scope="col" class="r">"mTLS"</th><th scope="col">"Decided by"</th></tr></thead>
                    <tbody><For each=keys key=Clone::clone children=row/></tbody>
                </table>
            </div>
            <p class="foot faint">{foot}</p>
        </div>
    }
}

fn decided_by(why: &Why) -> Option<impl IntoView + use<>> {
    let object = why.object.as_ref()?;
    Some(reference(object, why.place.as_ref().and_then(|place| place.line)))
}

/// The tree as lines: namespace, its nodes, their calls.
fn lines(view: &View, graph: &Graph) -> Vec<Line> {
    let whys: HashMap<&str, &Why> = graph
        .edges
        .iter()
        .filter_map(|edge| Some((edge.id.as_str(), edge.why.first()?)))
        .collect();
    let rows = table(view);
    let mut lines: Vec<Line> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if at == 0 || rows[at - 1].namespace != row.namespace {
            let inside = rows.iter().filter(|other| other.namespace == row.namespace);
            let worst = inside
                .clone()
                .map(|row| state(row.state))
                .max()
                .unwrap_or(State::Unknown);
            lines.push(Line {
                key: format!("ns:{}", row.namespace),
                level: 0,
                name: row.namespace.clone(),
                second: number::counted(inside.count(), "node"),
                state: worst,
                selection: None,
                cells: Default::default(),
                fails: false,
                plain: false,
                why: None,
            });
        }
        lines.push(line(
            row.target,
            1,
            row.name.clone(),
            String::new(),
            state(row.state),
            &row.inbound,
            None,
        ));
        for call in &row.calls {
            let why = selection(call.target).and_then(|selection| match selection {
                Selection::Edge(id) => whys.get(id.as_str()).map(|why| (*why).clone()),
                Selection::Node(_) => None,
            });
            let second = if call.refused > 0.0 {
                format!("{} refused", number::rate(call.refused))
            } else {
                String::new()
            };
            lines.push(line(
                call.target,
                2,
                call.callee.clone(),
                second,
                state(call.state),
                &call.figures,
                why,
            ));
        }
    }
    lines
}

fn line(
    target: Target,
    level: u8,
    name: String,
    second: String,
    state: State,
    figures: &vigla_scene::Figures,
    why: Option<Why>,
) -> Line {
    let selection = selection(target);
    let mut cells = figures.cells();
    if figures.rate == 0.0 {
        // Nothing was counted here, which is not the same as a rate of zero.
        number::UNMEASURED.clone_into(&mut cells[0]);
    }
    Line {
        key: selection.as_ref().map(ToString::to_string).unwrap_or_default(),
        level,
        name,
        second,
        state,
        selection,
        cells,
        fails: figures.errors.is_some_and(|share| share.get() > 0.0),
        plain: figures.mtls.is_some_and(|share| share.get() < 1.0),
        why,
    }
}

fn state(state: HealthState) -> State {
    match state {
        HealthState::Ok => State::Ok,
        HealthState::NoTraffic => State::NoTraffic,
        HealthState::Unknown => State::Unknown,
        HealthState::Degraded => State::Degraded,
        HealthState::Failing => State::Failing,
    }
}
