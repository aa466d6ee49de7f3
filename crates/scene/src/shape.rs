//! The plain picture: shapes in layers, each with what it belongs to and how near one must be to see it.

use std::collections::BTreeSet;

use vigla_graph::{Found, Id, View};
use vigla_layout::{Cubic, Point, Rect};

use crate::{Icon, Paint, Weight, hit::HitIndex};

/// Opacity of what was not found: still there, no longer read.
const DIMMED: f32 = 0.22;

/// A picture. Layers are painted in the order of their fields, marks in their order.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// What all of it takes, with some room around.
    pub bounds: Rect,
    /// Boxes, outermost first.
    pub boxes: Vec<Mark>,
    /// Lines of calls.
    pub edges: Vec<Mark>,
    /// Cards.
    pub cards: Vec<Mark>,
    /// Pills on lines.
    pub labels: Vec<Mark>,
    pub(crate) hits: HitIndex,
}

/// Something that one can point at or select.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A node.
    Node(Id),
    /// An edge.
    Edge(Id),
    /// A box.
    Box(Id),
}

/// One shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// What is painted.
    pub shape: Shape,
    /// What it belongs to.
    pub target: Target,
    /// From which zoom on it is painted.
    pub detail: Detail,
    /// Opacity, from 0.0 to 1.0, beside that of the paint.
    pub opacity: f32,
}

/// How near one must be to see a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Always.
    Form,
    /// From 45 % on: names.
    Name,
    /// From 60 % on: rates, labels, badges.
    Figure,
}

impl Detail {
    /// Whether such marks are painted at this zoom.
    pub fn is_shown_at(self, zoom: f32) -> bool {
        zoom >= match self {
            Self::Form => 0.0,
            Self::Name => 0.45,
            Self::Figure => 0.6,
        }
    }
}

/// What is painted.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A rectangle with rounded corners.
    Rect {
        /// Where.
        rect: Rect,
        /// Of the corners.
        radius: f32,
        /// Ground.
        fill: Option<Paint>,
        /// Outline, on the middle of the border.
        stroke: Option<Stroke>,
    },
    /// A line of curves that join.
    Line {
        /// The curves.
        curves: Vec<Cubic>,
        /// Outline.
        stroke: Stroke,
    },
    /// A filled polygon, such as an arrow head.
    Polygon {
        /// Corners.
        points: Vec<Point>,
        /// Ground.
        fill: Paint,
    },
    /// A small drawing of its own.
    Icon {
        /// Which.
        icon: Icon,
        /// Upper left corner.
        at: Point,
        /// Width and height.
        size: f32,
        /// Ground, for icons with one.
        fill: Option<Paint>,
        /// Lines; the width is in pixels of the picture, not of the icon.
        stroke: Option<Stroke>,
    },
    /// One line of text.
    Text(Text),
}

/// One line of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Left end, middle or right end of the base line.
    pub at: Point,
    /// Already cut to its place.
    pub text: String,
    /// Size of the font.
    pub size: f32,
    /// Weight of the font.
    pub weight: Weight,
    /// Colour.
    pub paint: Paint,
    /// What `at` means.
    pub anchor: Anchor,
    /// Width as measured; a painter with another font squeezes the text into it.
    pub width: f32,
}

/// Which part of a text stands at its place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Anchor {
    /// The left end.
    #[default]
    Start,
    /// The middle.
    Middle,
    /// The right end.
    End,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke {
    /// Colour.
    pub paint: Paint,
    /// Width.
    pub width: f32,
    /// Dashes.
    pub dash: Dash,
}

impl Stroke {
    /// An unbroken line.
    pub const fn solid(paint: Paint, width: f32) -> Self {
        Self {
            paint,
            width,
            dash: Dash::Solid,
        }
    }
}

/// Dashes of lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dash {
    /// HTTP, gRPC.
    #[default]
    Solid,
    /// TCP.
    Bytes,
    /// To or from somebody unknown.
    Unknown,
    /// No traffic in the window.
    Idle,
    /// Refused.
    Refused,
    /// The outline of a card of somebody unknown.
    Guess,
}

impl Dash {
    /// Lengths of dash and gap; `None` is unbroken.
    pub fn pattern(self) -> Option<[f32; 2]> {
        match self {
            Self::Solid => None,
            Self::Bytes => Some([7.0, 3.5]),
            Self::Unknown => Some([3.0, 3.0]),
            Self::Idle => Some([1.0, 4.0]),
            Self::Refused => Some([4.0, 3.0]),
            Self::Guess => Some([3.0, 2.5]),
        }
    }

    /// Whether dashes have round ends, which makes dots of short ones.
    pub fn is_round(self) -> bool {
        self == Self::Idle
    }
}

impl Scene {
    /// All marks, lowest layer first.
    pub fn marks(&self) -> impl Iterator<Item = &Mark> {
        [&self.boxes, &self.edges, &self.cards, &self.labels]
            .into_iter()
            .flatten()
    }

    /// Lets all but what was found step back. Ends of found calls stay: a call without them says nothing.
    pub fn dim_but(&mut self, found: &Found, view: &View) {
        let ends = found.edges.iter().filter_map(|id| view.edges.get(id));
        let ends: BTreeSet<Id> = ends.flat_map(|edge| [edge.source, edge.target]).collect();
        for marks in [&mut self.edges, &mut self.cards, &mut self.labels] {
            for mark in marks {
                let lit = match mark.target {
                    Target::Node(id) => found.nodes.contains(&id) || ends.contains(&id),
                    Target::Edge(id) => found.edges.contains(&id),
                    Target::Box(_) => true,
                };
                mark.opacity *= if lit { 1.0 } else { DIMMED };
            }
        }
    }

    /// What is at a place of the picture; `tolerance` is the distance that still counts, in its pixels.
    ///
    /// The nearest node comes before the nearest edge, and that before the innermost box.
    pub fn hit(&self, at: Point, tolerance: f32) -> Option<Target> {
        self.hits.find(at, tolerance)
    }

    /// Where a target is; for an edge the rectangle around its line.
    pub fn bounds_of(&self, target: Target) -> Option<Rect> {
        self.hits.bounds_of(target)
    }
}

impl Mark {
    /// What it takes, so that a painter can leave out what is not in view.
    pub fn bounds(&self) -> Rect {
        let of_stroke = |stroke: &Option<Stroke>| stroke.map_or(0.0, |stroke| stroke.width / 2.0);
        match &self.shape {
            Shape::Rect { rect, stroke, .. } => rect.grown(of_stroke(stroke)),
            Shape::Line { curves, stroke } => {
                let points = curves.iter().flat_map(|c| [c.from, c.c1, c.c2, c.to]);
                around(points).grown(stroke.width / 2.0)
            }
            Shape::Polygon { points, .. } => around(points.iter().copied()),
            Shape::Icon { at, size, stroke, .. } => {
                Rect::new(at.x, at.y, *size, *size).grown(of_stroke(stroke))
            }
            Shape::Text(text) => {
                let x = match text.anchor {
                    Anchor::Start => text.at.x,
                    Anchor::Middle => text.at.x - text.width / 2.0,
                    Anchor::End => text.at.x - text.width,
                };
                Rect::new(x, text.at.y - text.size, text.width, text.size * 1.3)
            }
        }
    }
}

fn around(points: impl Iterator<Item = Point>) -> Rect {
    points
        .map(|point| Rect::new(point.x, point.y, 0.0, 0.0))
        .reduce(|a, b| a.union(&b))
        .unwrap_or_default()
}
