//! What is spoken when the keys or the pointer reach something.

use vigla_graph::View;
use vigla_scene::{Target, reading};

use super::picture::Picture;
use crate::components::Announcer;
use leptos::prelude::*;

/// Speaks name, rate and state of a target.
pub(super) fn speak(announcer: Announcer, picture: Picture, target: Target) {
    if let Some(text) = picture.view.get_untracked().and_then(|view| words(&view, target)) {
        announcer.answer(text);
    }
}

fn words(view: &View, target: Target) -> Option<String> {
    match target {
        Target::Node(id) => {
            let node = view.nodes.get(&id)?;
            Some(format!(
                "{}, {}, {}",
                reading::name(node),
                reading::second_line(node),
                state(node.health.state)
            ))
        }
        Target::Edge(id) => {
            let edge = view.edges.get(&id)?;
            let name = |id| view.nodes.get(&id).map(reading::name).unwrap_or_default();
            let alarm = reading::alarm(edge)
                .map(|alarm| format!(", {alarm} failed or refused"))
                .unwrap_or_default();
            Some(format!(
                "call from {} to {}, {}{alarm}",
                name(edge.source),
                name(edge.target),
                state(edge.health.state)
            ))
        }
        Target::Box(id) => view.boxes.get(&id).map(|area| format!("box {}", area.name)),
    }
}

fn state(state: vigla_graph::HealthState) -> &'static str {
    match state {
        vigla_graph::HealthState::Ok => "healthy",
        vigla_graph::HealthState::NoTraffic => "no traffic",
        vigla_graph::HealthState::Unknown => "unknown",
        vigla_graph::HealthState::Degraded => "degraded",
        vigla_graph::HealthState::Failing => "failing",
    }
}
