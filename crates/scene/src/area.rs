//! Boxes: name, counts, rate and lock of a namespace, app or cluster.

use vigla_graph::{BoxKind, GroupBox, Id, Node, NodeKind, View};
use vigla_layout::{Point, Rect};

use crate::{
    Anchor, Detail, Icon, Mark, Measure, Options, Paint, Shape, Stroke, Target, Text, Weight, format,
    input::{BOX_NAME_SIZE, LINE_SIZE},
    measure::cut,
    reading,
};

/// Paints one box.
pub(crate) fn paint(
    area: &GroupBox,
    rect: Rect,
    view: &View,
    options: &Options,
    measure: &dyn Measure,
    marks: &mut Vec<Mark>,
) {
    let target = Target::Box(area.id);
    let selected = options.selected == Some(target);
    let mut push = |shape, detail| {
        marks.push(Mark {
            shape,
            target,
            detail,
            opacity: 1.0,
        });
    };
    push(
        Shape::Rect {
            rect,
            radius: 10.0,
            fill: Some(Paint::BoxGround),
            stroke: Some(if selected {
                Stroke::solid(Paint::Accent, 2.0)
            } else {
                Stroke::solid(Paint::Outline, 1.0)
            }),
        },
        Detail::Form,
    );
    let base = rect.y + 19.0;
    let inner: Vec<&Node> = view
        .nodes
        .values()
        .filter(|node| is_within(node.parent, area.id, view))
        .collect();
    let lock = options.locks.then(|| lock(&inner, view)).flatten();
    let room = rect.width - 24.0 - if lock.is_some() { 20.0 } else { 0.0 };
    let name = cut(&area.name, room, BOX_NAME_SIZE, Weight::Strong, measure);
    let name_width = measure.width(&name, BOX_NAME_SIZE, Weight::Strong);
    push(
        Shape::Text(Text {
            at: Point::new(rect.x + 12.0, base),
            text: name,
            size: BOX_NAME_SIZE,
            weight: Weight::Strong,
            paint: Paint::Text,
            anchor: Anchor::Start,
            width: name_width,
        }),
        Detail::Name,
    );
    let counts = counts(area.kind, &inner);
    let counts_width = measure.width(&counts, LINE_SIZE, Weight::Regular);
    if name_width + 8.0 + counts_width <= room {
        push(
            Shape::Text(Text {
                at: Point::new(rect.x + 12.0 + name_width + 8.0, base),
                text: counts,
                size: LINE_SIZE,
                weight: Weight::Regular,
                paint: Paint::TextFaint,
                anchor: Anchor::Start,
                width: counts_width,
            }),
            Detail::Figure,
        );
    }
    if let Some((icon, paint)) = lock {
        push(
            Shape::Icon {
                icon,
                at: Point::new(rect.right() - 23.0, rect.y + 8.0),
                size: 12.0,
                fill: None,
                stroke: Some(Stroke::solid(paint, 1.2)),
            },
            Detail::Figure,
        );
    }
}

/// `6 workloads · 164/s`: what stands in the box, and how much all of it was asked.
fn counts(kind: BoxKind, inner: &[&Node]) -> String {
    let counted = match kind {
        BoxKind::App => format::counted(inner.len(), "version"),
        BoxKind::Namespace | BoxKind::Cluster => {
            let words = ["workload", "app", "service"].into_iter();
            let counts = words.filter_map(|word| {
                let count = inner.iter().filter(|node| noun(node.kind) == word).count();
                (count > 0).then(|| format::counted(count, word))
            });
            counts.collect::<Vec<_>>().join(", ")
        }
    };
    let requests: f64 = inner.iter().map(|node| node.inbound.traffic.requests).sum();
    if requests > 0.0 {
        format!("{counted} · {}", format::rate(requests))
    } else {
        counted
    }
}

/// What people call a node of this kind.
fn noun(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Service => "service",
        NodeKind::App | NodeKind::VersionedApp => "app",
        _ => "workload",
    }
}

/// Closed when all that came in is known to be with mutual TLS, open when some is known not to be.
fn lock(inner: &[&Node], view: &View) -> Option<(Icon, Paint)> {
    let within = |id: Id| inner.iter().any(|node| node.id == id);
    let mut edges = view.edges.values().filter(|edge| within(edge.target)).peekable();
    edges.peek()?;
    let (mut any_plain, mut all_locked) = (false, true);
    for edge in edges {
        any_plain |= reading::is_plain(edge);
        all_locked &= reading::is_locked(edge) || edge.is_idle();
    }
    if any_plain {
        Some((Icon::OpenLock, Paint::Warn))
    } else {
        all_locked.then_some((Icon::Lock, Paint::TextFaint))
    }
}

fn is_within(parent: Option<Id>, area: Id, view: &View) -> bool {
    // Deeper than boxes are ever nested; a circle of parents ends here too.
    const DEPTH: usize = 32;
    std::iter::successors(parent, |id| view.boxes.get(id)?.parent)
        .take(DEPTH)
        .any(|id| id == area)
}
