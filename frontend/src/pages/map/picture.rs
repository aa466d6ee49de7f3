//! From the graph to the scene: the view, its layout, and what the reader chose.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use leptos::prelude::*;
use vigla_api::{Graph, convert::read_graph};
use vigla_graph::{Found, Id, View};
use vigla_layout::{Input, Layout};
use vigla_scene::{Options, Scene, Target, build, build_input};

use super::{
    find::find_in,
    font::CanvasMeasure,
    glide::between,
    layouter::{Drawn, Layouter},
    palette::Palette,
};
use crate::{
    address::{Address, EdgeLabel, FrameState, MapState, Selection},
    shell::Theme,
};

/// Failed layouts in a row after which the simple picture stays until the graph changes.
const LAYOUT_TRIES: u32 = 3;
/// How long nodes travel to a new place.
const GLIDE_MS: f64 = 260.0;

/// Everything that the canvas and the keys need, as signals.
#[derive(Clone, Copy)]
pub(crate) struct Picture {
    /// The graph, read.
    pub(crate) view: RwSignal<Option<Arc<View>>>,
    /// Where everything is, at this moment of a move.
    pub(crate) layout: RwSignal<Option<Arc<Layout>>>,
    /// What is painted.
    pub(crate) scene: Signal<Option<Arc<Scene>>>,
    /// Why the picture is only a simple one, or none.
    pub(crate) notice: RwSignal<Option<String>>,
    /// What is under the pointer.
    pub(crate) hovered: RwSignal<Option<Target>>,
    /// What the keyboard is on.
    pub(crate) focused: RwSignal<Option<Target>>,
    /// Colours, read once per theme.
    pub(crate) palette: Memo<Palette>,
    /// What the find expression found; `None` when nothing is looked for.
    pub(crate) found: Memo<Option<Found>>,
    /// How many nodes and edges the hide expression took away.
    pub(crate) left_out: RwSignal<usize>,
}

impl Picture {
    /// Follows the graph and the address.
    pub(crate) fn follow(graph: Signal<Option<Arc<Graph>>>) -> Self {
        let address = Address::get();
        let (frame, state) = (address.state::<FrameState>(), address.state::<MapState>());
        let (find, hide) = (
            Memo::new(move |_| state.read().find.clone()),
            Memo::new(move |_| state.read().hide.clone()),
        );
        let left_out = RwSignal::new(0);
        let theme = Theme::get();
        let view = RwSignal::new(None::<Arc<View>>);
        let layout = RwSignal::new(None::<Arc<Layout>>);
        let notice = RwSignal::new(None::<String>);
        let (hovered, focused) = (RwSignal::new(None), RwSignal::new(None));
        let palette = Memo::new(move |_| {
            theme.current();
            Palette::read()
        });
        let measure = Rc::new(RefCell::new(CanvasMeasure::new(&palette.get_untracked().family)));
        let failures = StoredValue::new(0u32);
        let layouter = Layouter::new(address.resource("worker.js"), move |drawn: Drawn| {
            failures.try_update_value(|failures| {
                *failures = if drawn.notice.is_some() { *failures + 1 } else { 0 };
            });
            notice.set(drawn.notice.map(str::to_owned));
            glide(layout, drawn.layout);
        });
        let stop = StoredValue::new_local(layouter.clone());
        on_cleanup(move || {
            stop.try_with_value(Layouter::stop);
        });

        Effect::new({
            let measure = Rc::clone(&measure);
            move |last: Option<Option<Input>>| {
                let graph = graph.get()?;
                let read = match read_graph(&graph) {
                    Ok(read) => read,
                    Err(why) => {
                        notice.set(Some(format!(
                            "The server's graph cannot be drawn: {why}. The table is current."
                        )));
                        return last.flatten();
                    }
                };
                let (all, left) = (
                    read.nodes.len() + read.edges.len(),
                    find_in(&read, &hide.read(), &frame.read()),
                );
                let read = Arc::new(left.map_or(read.clone(), |left| read.hide(&left)));
                left_out.set(all - read.nodes.len() - read.edges.len());
                let input = build_input(&read, &*measure.borrow());
                // Changed numbers only repaint; only what changes sizes or calls asks for a new layout. After a
                // simple picture the engine is asked again, but not for ever.
                let again = (1..=LAYOUT_TRIES).contains(&failures.get_value());
                if again || last.flatten().as_ref() != Some(&input) {
                    layouter.ask(u64::from(read.grain as u8), input.clone());
                }
                view.set(Some(read));
                Some(input)
            }
        });

        let options = Memo::new(move |_| {
            let state = state.read();
            Options {
                label: label(state.label),
                selected: state.selection.as_ref().and_then(target),
                hovered: hovered.get(),
                focused: focused.get(),
                locks: !state.hidden.locks,
                badges: !state.hidden.badges,
            }
        });
        let found = Memo::new(move |_| find_in(view.read().as_ref()?, &find.read(), &frame.read()));
        let scene = RwSignal::new(None::<Arc<Scene>>);
        Effect::new(move |_| {
            let (Some(view), Some(layout)) = (view.get(), layout.get()) else {
                return;
            };
            let family = palette.read().family.clone();
            if measure.borrow().family() != family {
                *measure.borrow_mut() = CanvasMeasure::new(&family);
            }
            let mut painted = build(&view, &layout, &options.get(), &*measure.borrow());
            if let Some(found) = &*found.read() {
                painted.dim_but(found, &view);
            }
            scene.set(Some(Arc::new(painted)));
        });
        Self {
            view,
            layout,
            scene: scene.into(),
            notice,
            hovered,
            focused,
            palette,
            found,
            left_out,
        }
    }
}

/// Moves nodes to their new places, at once where the reader wants no motion.
fn glide(layout: RwSignal<Option<Arc<Layout>>>, to: Arc<Layout>) {
    let Some(from) = layout.try_get_untracked().flatten() else {
        layout.try_set(Some(to));
        return;
    };
    let still = window()
        .match_media("(prefers-reduced-motion: reduce)")
        .ok()
        .flatten()
        .is_some_and(|media| media.matches());
    if still || from.same_picture(&to) || document().hidden() {
        layout.try_set(Some(to));
        return;
    }
    frame(layout, from, to, js_sys::Date::now());
}

fn frame(layout: RwSignal<Option<Arc<Layout>>>, from: Arc<Layout>, to: Arc<Layout>, start: f64) {
    request_animation_frame(move || {
        let share = ((js_sys::Date::now() - start) / GLIDE_MS) as f32;
        if share >= 1.0 {
            layout.try_set(Some(to));
        } else if layout
            .try_set(Some(Arc::new(between(&from, &to, share))))
            .is_none()
        {
            frame(layout, from, to, start);
        }
    });
}

fn label(label: EdgeLabel) -> vigla_scene::EdgeLabel {
    match label {
        EdgeLabel::Rate => vigla_scene::EdgeLabel::Rate,
        EdgeLabel::P95 => vigla_scene::EdgeLabel::P95,
        EdgeLabel::Errors => vigla_scene::EdgeLabel::Errors,
        EdgeLabel::Share => vigla_scene::EdgeLabel::Share,
    }
}

/// The part of the picture that a selection names.
pub(crate) fn target(selection: &Selection) -> Option<Target> {
    match selection {
        Selection::Node(id) => id.parse::<Id>().ok().map(Target::Node),
        Selection::Edge(id) => id.parse::<Id>().ok().map(Target::Edge),
    }
}

/// What the address says of a part of the picture; boxes are not selected.
pub(crate) fn selection(target: Target) -> Option<Selection> {
    match target {
        Target::Node(id) => Some(Selection::Node(id.to_string())),
        Target::Edge(id) => Some(Selection::Edge(id.to_string())),
        Target::Box(_) => None,
    }
}
