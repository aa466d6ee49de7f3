//! From a view of the graph to what the layout engine is asked: sizes of cards, boxes and labels are decided here.
//!
//! Sizes depend on names only, not on numbers, so that traffic never moves a node.

use vigla_graph::{Edge, GroupBox, HealthState, Id, Node, NodeKind, View};
use vigla_layout::{BoxSpec, EdgeSpec, Input, NodeSpec, Options, Size};

use crate::{Measure, Weight, reading};

/// Name of a card.
pub(crate) const NAME_SIZE: f32 = 11.5;
/// Second line of a card.
pub(crate) const LINE_SIZE: f32 = 10.0;
/// Name of a box.
pub(crate) const BOX_NAME_SIZE: f32 = 11.0;
/// From the left side of a card to its text.
pub(crate) const TEXT_LEFT: f32 = 27.0;
/// Height of a card without subsets.
const CARD_HEIGHT: f32 = 38.0;
/// Least width of a card: the widest second line fits.
const CARD_WIDTH: f32 = 120.0;
/// Widest card; longer names are cut.
const MAX_CARD_WIDTH: f32 = 216.0;
/// Widths go in steps, so that cards of a column mostly agree.
const WIDTH_STEP: f32 = 8.0;
/// Height of the strip with a box's name.
pub(crate) const BOX_HEADER: f32 = 30.0;
/// Around what a box holds.
const BOX_PADDING: f32 = 16.0;
/// Beside a box's name: counts and lock.
const BOX_FIGURES: f32 = 136.0;
/// A label with a number and a lock.
pub(crate) const LABEL: Size = Size::new(62.0, 17.0);
/// An alarm below the label.
pub(crate) const ALARM_HEIGHT: f32 = 18.0;
/// A label with the word "plain".
pub(crate) const PLAIN_WIDTH: f32 = 88.0;

/// Asks for places of everything in the view.
pub fn build_input(view: &View, measure: &dyn Measure) -> Input {
    // Boxes that a delta left without their parent stand on the page rather than fail the whole picture.
    let known = |id: Option<Id>| id.filter(|id| view.boxes.contains_key(id)).map(|id| id.0);
    // Order breaks ties in the layout: versions of an app stand in their order.
    let mut nodes: Vec<(String, &Node)> = view
        .nodes
        .values()
        .map(|node| (reading::name(node), node))
        .collect();
    nodes.sort_by(|(a_name, a), (b_name, b)| (&a.namespace, a_name, a.id).cmp(&(&b.namespace, b_name, b.id)));
    let mut boxes: Vec<&GroupBox> = view.boxes.values().collect();
    boxes.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    Input {
        nodes: nodes
            .into_iter()
            .map(|(_, node)| NodeSpec {
                id: node.id.0,
                size: card_size(node, measure),
                parent: known(node.parent),
                pin: None,
            })
            .collect(),
        boxes: boxes
            .into_iter()
            .map(|area| box_spec(area, known(area.parent), measure))
            .collect(),
        edges: view
            .edges
            .values()
            .filter(|edge| view.nodes.contains_key(&edge.source) && view.nodes.contains_key(&edge.target))
            .map(|edge| EdgeSpec {
                id: edge.id.0,
                from: edge.source.0,
                to: edge.target.0,
                label: Some(label_size(edge)),
                own_way: edge.refused > 0.0 || reading::is_plain(edge),
            })
            .collect(),
        options: Options::default(),
    }
}

fn card_size(node: &Node, measure: &dyn Measure) -> Size {
    let name = measure.width(&reading::name(node), NAME_SIZE, Weight::Strong);
    let wanted = (TEXT_LEFT + name + 12.0).clamp(CARD_WIDTH, MAX_CARD_WIDTH);
    Size::new((wanted / WIDTH_STEP).ceil() * WIDTH_STEP, CARD_HEIGHT)
}

fn box_spec(area: &GroupBox, parent: Option<u64>, measure: &dyn Measure) -> BoxSpec {
    let name = measure.width(&area.name, BOX_NAME_SIZE, Weight::Strong);
    BoxSpec {
        id: area.id.0,
        parent,
        header: BOX_HEADER,
        padding: BOX_PADDING,
        min_width: (name + BOX_FIGURES).ceil(),
    }
}

/// Room of an edge's pills: by what they say, not by how long the number is.
pub(crate) fn label_size(edge: &Edge) -> Size {
    let width = if reading::is_plain(edge) {
        PLAIN_WIDTH
    } else {
        LABEL.width
    };
    let height = if reading::alarm(edge).is_some() {
        LABEL.height + ALARM_HEIGHT
    } else {
        LABEL.height
    };
    Size::new(width, height)
}

/// Whether a node is drawn with the dashed outline of a guess.
pub(crate) fn is_guess(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Unknown | NodeKind::Passthrough)
}

/// Whether nothing came to or from a node.
pub(crate) fn is_idle(node: &Node) -> bool {
    node.health.state == HealthState::NoTraffic
}
