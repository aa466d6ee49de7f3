//! Cards of nodes: icon, name, second line, state, badges.

use vigla_graph::{HealthState, Node, NodeKind};
use vigla_layout::{Point, Rect};

use crate::{
    Anchor, Dash, Detail, Icon, Mark, Measure, Options, Paint, Shape, Stroke, Target, Text, Weight,
    input::{LINE_SIZE, NAME_SIZE, TEXT_LEFT, is_guess, is_idle},
    measure::cut,
    reading,
};

/// Side of the state's glyph.
const GLYPH: f32 = 14.0;
/// Side of a badge.
const BADGE: f32 = 14.0;
/// Opacity of what has no traffic.
const IDLE: f32 = 0.62;

/// Paints one node.
pub(crate) fn paint(
    node: &Node,
    rect: Rect,
    options: &Options,
    measure: &dyn Measure,
    marks: &mut Vec<Mark>,
) {
    let mut card = Card {
        target: Target::Node(node.id),
        opacity: if is_idle(node) { IDLE } else { 1.0 },
        marks,
    };
    card.frame(node, rect, options);
    card.text(node, rect, measure);
    if options.badges {
        card.badges(node, rect);
    }
    card.state(node, rect);
}

struct Card<'a> {
    target: Target,
    opacity: f32,
    marks: &'a mut Vec<Mark>,
}

impl Card<'_> {
    fn push(&mut self, shape: Shape, detail: Detail) {
        self.marks.push(Mark {
            shape,
            target: self.target,
            detail,
            opacity: self.opacity,
        });
    }

    fn outline(&mut self, rect: Rect, radius: f32, paint: Paint, width: f32) {
        let stroke = Some(Stroke::solid(paint, width));
        self.push(
            Shape::Rect {
                rect,
                radius,
                fill: None,
                stroke,
            },
            Detail::Form,
        );
    }

    fn frame(&mut self, node: &Node, rect: Rect, options: &Options) {
        if options.selected == Some(self.target) {
            self.outline(rect.grown(3.0), 10.0, Paint::Accent, 2.0);
        }
        if options.focused == Some(self.target) {
            self.outline(rect.grown(6.0), 13.0, Paint::Accent, 2.0);
        }
        let hovered = options.hovered == Some(self.target);
        let stroke = match node.health.state {
            HealthState::Failing => Stroke::solid(Paint::Error, 1.4),
            HealthState::Degraded => Stroke::solid(Paint::Warn, 1.4),
            _ if is_guess(node) => Stroke {
                paint: Paint::Unknown,
                width: 1.0,
                dash: Dash::Guess,
            },
            _ if hovered => Stroke::solid(Paint::EdgeStrong, 1.0),
            _ => Stroke::solid(Paint::Outline, 1.0),
        };
        let flat = is_guess(node) || node.kind == NodeKind::External;
        self.push(
            Shape::Rect {
                rect,
                radius: 7.0,
                fill: Some(if flat { Paint::Page } else { Paint::Card }),
                stroke: Some(stroke),
            },
            Detail::Form,
        );
    }

    fn text(&mut self, node: &Node, rect: Rect, measure: &dyn Measure) {
        self.push(
            Shape::Icon {
                icon: Icon::of_node(node.kind),
                at: Point::new(rect.x + 8.0, rect.y + (rect.height - 14.0) / 2.0),
                size: 14.0,
                fill: None,
                stroke: Some(Stroke::solid(Paint::TextFaint, 1.2)),
            },
            Detail::Name,
        );
        let room = rect.width - TEXT_LEFT - 8.0;
        let middle = rect.y + rect.height / 2.0;
        let mut line = |text: &str, size: f32, weight, paint, base: f32, detail| {
            let text = cut(text, room, size, weight, measure);
            let width = measure.width(&text, size, weight);
            let text = Text {
                at: Point::new(rect.x + TEXT_LEFT, base),
                text,
                size,
                weight,
                paint,
                anchor: Anchor::Start,
                width,
            };
            self.push(Shape::Text(text), detail);
        };
        line(
            &reading::name(node),
            NAME_SIZE,
            Weight::Strong,
            Paint::Text,
            middle - 2.0,
            Detail::Name,
        );
        line(
            &reading::second_line(node),
            LINE_SIZE,
            Weight::Regular,
            Paint::TextMuted,
            middle + 11.0,
            Detail::Figure,
        );
    }

    /// Rules in effect, hanging over the lower border from the right.
    fn badges(&mut self, node: &Node, rect: Rect) {
        let mut right = rect.right() - 2.0;
        for &badge in &node.badges {
            let frame = Rect::new(right - BADGE, rect.bottom() - 5.0, BADGE, BADGE);
            if frame.x < rect.x {
                break;
            }
            self.push(
                Shape::Rect {
                    rect: frame,
                    radius: 4.0,
                    fill: Some(Paint::Surface),
                    stroke: Some(Stroke::solid(Paint::Outline, 1.0)),
                },
                Detail::Figure,
            );
            self.push(
                Shape::Icon {
                    icon: Icon::of_badge(badge),
                    at: Point::new(frame.x + 2.0, frame.y + 2.0),
                    size: 10.0,
                    fill: None,
                    stroke: Some(Stroke::solid(Paint::TextFaint, 1.2)),
                },
                Detail::Figure,
            );
            right -= BADGE + 2.0;
        }
    }

    /// Octagon, triangle or ring on the upper right corner; what is well has no glyph.
    fn state(&mut self, node: &Node, rect: Rect) {
        let (form, sign, paint) = match node.health.state {
            HealthState::Failing => (Icon::Octagon, Icon::Cross, Paint::Error),
            HealthState::Degraded => (Icon::Triangle, Icon::Exclamation, Paint::Warn),
            HealthState::Unknown if !is_guess(node) => (Icon::Ring, Icon::Query, Paint::Unknown),
            HealthState::Unknown | HealthState::Ok | HealthState::NoTraffic => return,
        };
        let at = Point::new(rect.right() - GLYPH / 2.0 - 1.0, rect.y - GLYPH / 2.0);
        let ring = form == Icon::Ring;
        let (fill, stroke) = if ring {
            let dashed = Stroke {
                paint,
                width: 1.3,
                dash: Dash::Guess,
            };
            (Paint::Page, Some(dashed))
        } else {
            (paint, None)
        };
        for (icon, fill, stroke) in [
            (form, Some(fill), stroke),
            (
                sign,
                None,
                Some(Stroke::solid(if ring { paint } else { Paint::Surface }, 1.5)),
            ),
        ] {
            self.push(
                Shape::Icon {
                    icon,
                    at,
                    size: GLYPH,
                    fill,
                    stroke,
                },
                Detail::Form,
            );
        }
    }
}
