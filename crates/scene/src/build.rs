//! From a view and its layout to a scene.

use vigla_graph::{Id, View};
use vigla_layout::Layout;

use crate::{EdgeLabel, Measure, Scene, Target, area, card, edge, hit::HitIndex};

/// Room around the picture, for glyphs and badges that hang over borders.
const MARGIN: f32 = 16.0;

/// What the reader chose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Number on edges.
    pub label: EdgeLabel,
    /// What is selected.
    pub selected: Option<Target>,
    /// What is under the pointer.
    pub hovered: Option<Target>,
    /// What the keyboard is on.
    pub focused: Option<Target>,
    /// Whether closed locks are shown; open ones always are.
    pub locks: bool,
    /// Whether badges of rules are shown.
    pub badges: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            label: EdgeLabel::Rate,
            selected: None,
            hovered: None,
            focused: None,
            locks: true,
            badges: true,
        }
    }
}

/// Paints a view. What has no place in the layout is left out: it came after the layout was made, and will be there
/// with the next.
pub fn build(view: &View, layout: &Layout, options: &Options, measure: &dyn Measure) -> Scene {
    let mut scene = Scene {
        bounds: layout.bounds().grown(MARGIN),
        hits: HitIndex::new(layout),
        ..Scene::default()
    };
    let mut boxes: Vec<_> = layout
        .boxes
        .iter()
        .filter_map(|placed| Some((view.boxes.get(&Id(placed.id))?, placed.rect)))
        .collect();
    // Outer boxes are larger than what they hold.
    boxes.sort_by(|(_, a), (_, b)| (b.width * b.height).total_cmp(&(a.width * a.height)));
    for (area, rect) in boxes {
        area::paint(area, rect, view, options, measure, &mut scene.boxes);
    }
    let mut edges: Vec<_> = layout
        .edges
        .iter()
        .filter_map(|route| Some((view.edges.get(&Id(route.id))?, route)))
        .collect();
    // Alarms lie above calm lines, the selected one above all.
    edges.sort_by_key(|(edge, _)| {
        let chosen = options.selected == Some(Target::Edge(edge.id));
        (chosen, edge::rank(edge))
    });
    for (call, route) in &edges {
        edge::paint_line(call, route, view, options, &mut scene.edges);
        edge::paint_label(call, route, view, options, measure, &mut scene.labels);
    }
    for placed in &layout.nodes {
        if let Some(node) = view.nodes.get(&Id(placed.id)) {
            card::paint(node, placed.rect, options, measure, &mut scene.cards);
        }
    }
    scene
}
