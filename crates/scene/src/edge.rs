//! Lines of calls with their arrow heads and labels.

use vigla_graph::{Edge, NodeKind, View};
use vigla_layout::{Cubic, Point, Rect, Route, curve};
use vigla_model::Protocol;

use crate::{
    Anchor, Dash, Detail, Icon, Mark, Measure, Options, Paint, Shape, Stroke, Target, Text, Weight,
    input::{ALARM_HEIGHT, LABEL, LINE_SIZE},
    reading,
};

/// Length of an arrow head.
const HEAD: f32 = 7.6;
/// Half of its width.
const HEAD_HALF: f32 = 3.4;
/// Least part of the line that shows failed requests.
const LEAST_FAILED: f32 = 0.14;
/// Side of the icons in labels.
const LABEL_ICON: f32 = 10.0;

/// Line width by traffic: 1 to 3.4, by its logarithm.
fn width(edge: &Edge) -> f32 {
    let traffic = &edge.shown.traffic;
    let width: f64 = if edge.protocol == Protocol::Tcp {
        1.0 + 0.53 * ((traffic.bytes_sent + traffic.bytes_received).max(1.0).log10() - 4.0)
    } else {
        0.15 + 1.23 * traffic.requests.max(0.1).log10()
    };
    width.clamp(1.0, 3.4) as f32
}

/// Calm lines first, refused ones last.
pub(crate) fn rank(edge: &Edge) -> u8 {
    if edge.refused > 0.0 {
        3
    } else if reading::failed(edge).is_some() {
        2
    } else {
        u8::from(reading::is_plain(edge))
    }
}

fn dash(edge: &Edge, view: &View) -> Dash {
    let callee = view.nodes.get(&edge.target).map(|node| node.kind);
    if edge.is_idle() {
        Dash::Idle
    } else if matches!(callee, Some(NodeKind::Unknown | NodeKind::Passthrough)) {
        Dash::Unknown
    } else if edge.protocol == Protocol::Tcp {
        Dash::Bytes
    } else {
        Dash::Solid
    }
}

/// Paints one line.
pub(crate) fn paint_line(edge: &Edge, route: &Route, view: &View, options: &Options, marks: &mut Vec<Mark>) {
    let target = Target::Edge(edge.id);
    let curves = curve(&route.points);
    let Some(last) = curves.last().copied() else {
        return;
    };
    let mut push = |shape| {
        marks.push(Mark {
            shape,
            target,
            detail: Detail::Form,
            opacity: 1.0,
        });
    };
    let width = width(edge);
    let refused = edge.refused > 0.0;
    let selected = options.selected == Some(target) || options.focused == Some(target);
    let paint = if refused {
        Paint::Error
    } else if selected {
        Paint::Accent
    } else if reading::is_plain(edge) {
        Paint::Warn
    } else if options.hovered == Some(target) {
        Paint::EdgeStrong
    } else {
        Paint::Edge
    };
    if selected {
        push(Shape::Line {
            curves: curves.clone(),
            stroke: Stroke::solid(Paint::AccentHalo, width + 7.0),
        });
    }
    // The line ends within the head, so that a wide one does not show beside its tip.
    let body = first_part(&curves, -(HEAD * 0.6));
    let dash = if refused { Dash::Refused } else { dash(edge, view) };
    push(Shape::Line {
        curves: body.clone(),
        stroke: Stroke { paint, width, dash },
    });
    if refused {
        push(bar(&last));
        return;
    }
    match reading::failed(edge) {
        Some(failed) => {
            let total: f32 = curves.iter().map(Cubic::length).sum();
            let share = (failed.get() as f32).max(LEAST_FAILED);
            push(Shape::Line {
                curves: last_part(&body, total * share - HEAD * 0.6),
                stroke: Stroke::solid(Paint::Error, width + 1.0),
            });
            push(head(&last, Paint::Error));
        }
        None => push(head(&last, paint)),
    }
}

/// Direction in which a line arrives.
fn arrival(last: &Cubic) -> Point {
    let near = last.at(0.9);
    let length = near.distance(last.to).max(0.001);
    Point::new((last.to.x - near.x) / length, (last.to.y - near.y) / length)
}

fn head(last: &Cubic, fill: Paint) -> Shape {
    let (tip, along) = (last.to, arrival(last));
    let foot = Point::new(tip.x - along.x * HEAD, tip.y - along.y * HEAD);
    let side = Point::new(-along.y * HEAD_HALF, along.x * HEAD_HALF);
    Shape::Polygon {
        points: vec![
            tip,
            foot.moved(side),
            Point::new(foot.x - side.x, foot.y - side.y),
        ],
        fill,
    }
}

/// A bar across the end of a refused line.
fn bar(last: &Cubic) -> Shape {
    let along = arrival(last);
    let at = Point::new(last.to.x - along.x * 3.0, last.to.y - along.y * 3.0);
    let side = Point::new(-along.y * 5.0, along.x * 5.0);
    Shape::Line {
        curves: vec![Cubic::line(
            at.moved(side),
            Point::new(at.x - side.x, at.y - side.y),
        )],
        stroke: Stroke::solid(Paint::Error, 2.2),
    }
}

/// The line from its start; a negative length is counted from its end.
fn first_part(curves: &[Cubic], length: f32) -> Vec<Cubic> {
    let total: f32 = curves.iter().map(Cubic::length).sum();
    let mut left = if length < 0.0 { total + length } else { length };
    let mut part = Vec::with_capacity(curves.len());
    for cubic in curves {
        let whole = cubic.length();
        if whole <= left {
            part.push(*cubic);
            left -= whole;
            continue;
        }
        if left > 0.0 {
            part.push(cubic.split(left / whole).0);
        }
        break;
    }
    part
}

/// The end of the line.
fn last_part(curves: &[Cubic], length: f32) -> Vec<Cubic> {
    let mut left = length;
    let mut part = Vec::new();
    for cubic in curves.iter().rev() {
        let whole = cubic.length();
        if left <= 0.0 {
            break;
        }
        part.push(if whole <= left {
            *cubic
        } else {
            cubic.split(1.0 - left / whole).1
        });
        left -= whole;
    }
    part.reverse();
    part
}

/// Paints the label and alarm of one line, where the layout found a place for them.
pub(crate) fn paint_label(
    edge: &Edge,
    route: &Route,
    view: &View,
    options: &Options,
    measure: &dyn Measure,
    marks: &mut Vec<Mark>,
) {
    let Some(middle) = route.label else { return };
    let target = Target::Edge(edge.id);
    let selected = options.selected == Some(target);
    let number = reading::label(edge, view, options.label);
    let alarm = reading::alarm(edge);
    let plain = reading::is_plain(edge);
    let shift = if alarm.is_some() && number.is_some() {
        ALARM_HEIGHT / 2.0
    } else {
        0.0
    };
    let mut pills = Pills {
        target,
        measure,
        marks,
    };
    if let Some(number) = number {
        let lock = match () {
            () if plain => Some((Icon::OpenLock, Paint::Warn)),
            () if options.locks && reading::is_locked(edge) => Some((Icon::Lock, Paint::TextFaint)),
            () => None,
        };
        let tone = match (plain, selected) {
            (true, _) => Tone::WARN,
            (_, true) => Tone::SELECTED,
            _ => Tone::PLAIN,
        };
        let text = if plain { format!("{number} plain") } else { number };
        pills.paint(Point::new(middle.x, middle.y - shift), lock, text, tone);
    }
    if let Some(alarm) = alarm {
        let at = Point::new(middle.x, middle.y + shift);
        pills.paint(at, Some((Icon::Failed, Paint::Error)), alarm, Tone::ERROR);
    }
}

/// Colours of a pill.
#[derive(Clone, Copy)]
struct Tone {
    ground: Paint,
    line: Paint,
    text: Paint,
    weight: Weight,
}

impl Tone {
    const PLAIN: Self = Self {
        ground: Paint::Page,
        line: Paint::Hairline,
        text: Paint::TextMuted,
        weight: Weight::Regular,
    };
    const SELECTED: Self = Self {
        ground: Paint::AccentSoft,
        line: Paint::Accent,
        text: Paint::Text,
        weight: Weight::Strong,
    };
    const WARN: Self = Self {
        ground: Paint::WarnSoft,
        line: Paint::WarnLine,
        text: Paint::Warn,
        weight: Weight::Strong,
    };
    const ERROR: Self = Self {
        ground: Paint::ErrorSoft,
        line: Paint::ErrorLine,
        text: Paint::Error,
        weight: Weight::Strong,
    };
}

struct Pills<'a> {
    target: Target,
    measure: &'a dyn Measure,
    marks: &'a mut Vec<Mark>,
}

impl Pills<'_> {
    fn paint(&mut self, middle: Point, icon: Option<(Icon, Paint)>, text: String, tone: Tone) {
        let text_width = self.measure.width(&text, LINE_SIZE, tone.weight);
        let icon_width = if icon.is_some() { LABEL_ICON + 3.0 } else { 0.0 };
        let width = text_width + icon_width + 14.0;
        let height = LABEL.height - 1.0;
        let left = middle.x - width / 2.0;
        let mut push = |shape| {
            self.marks.push(Mark {
                shape,
                target: self.target,
                detail: Detail::Figure,
                opacity: 1.0,
            });
        };
        push(Shape::Rect {
            rect: Rect::new(left, middle.y - height / 2.0, width, height),
            radius: height / 2.0,
            fill: Some(tone.ground),
            stroke: Some(Stroke::solid(tone.line, 1.0)),
        });
        if let Some((icon, paint)) = icon {
            push(Shape::Icon {
                icon,
                at: Point::new(left + 6.0, middle.y - LABEL_ICON / 2.0),
                size: LABEL_ICON,
                fill: None,
                stroke: Some(Stroke::solid(paint, 1.1)),
            });
        }
        push(Shape::Text(Text {
            at: Point::new(left + 7.0 + icon_width, middle.y + 3.5),
            text,
            size: LINE_SIZE,
            weight: tone.weight,
            paint: tone.text,
            anchor: Anchor::Start,
            width: text_width,
        }));
    }
}
