//! A scene on a canvas. Knows shapes and colours only; what they mean is decided in `scene`.

use std::{cell::RefCell, collections::HashMap};

use js_sys::{Array, Float64Array};
use vigla_layout::{Cubic, Point, Rect, Size};
use vigla_scene::{Anchor, Camera, Dash, Icon, Mark, Paint, Scene, Shape, Stroke, Text};
use wasm_bindgen::JsValue;
use web_sys::{CanvasRenderingContext2d as Context, Path2d};

use super::{font::font, palette::Palette};

thread_local! {
    /// Paths of the icons, made once.
    static ICONS: RefCell<HashMap<Icon, Path2d>> = RefCell::default();
}

/// Paints what is in view.
pub(crate) fn paint(
    context: &Context,
    scene: &Scene,
    camera: &Camera,
    palette: &Palette,
    screen: Size,
    ratio: f64,
) {
    let _ = context.set_transform(ratio, 0.0, 0.0, ratio, 0.0, 0.0);
    context.clear_rect(0.0, 0.0, f64::from(screen.width), f64::from(screen.height));
    let zoom = f64::from(camera.zoom) * ratio;
    let (left, top) = (
        -f64::from(camera.origin.x) * zoom,
        -f64::from(camera.origin.y) * zoom,
    );
    let _ = context.set_transform(zoom, 0.0, 0.0, zoom, left, top);
    let mut brush = Brush {
        context,
        palette,
        font: String::new(),
        alpha: 1.0,
    };
    context.set_global_alpha(1.0);
    context.set_line_join("round");
    let seen = camera.seen(screen);
    let near = scene.marks().filter(|mark| mark.detail.is_shown_at(camera.zoom));
    // Bounds are grown because a level line has no height, and would share no area with anything.
    for mark in near.filter(|mark| mark.bounds().grown(1.0).overlaps(&seen)) {
        brush.mark(mark);
    }
}

struct Brush<'a> {
    context: &'a Context,
    palette: &'a Palette,
    font: String,
    alpha: f32,
}

impl Brush<'_> {
    fn mark(&mut self, mark: &Mark) {
        match &mark.shape {
            Shape::Rect {
                rect,
                radius,
                fill,
                stroke,
            } => {
                self.context.begin_path();
                rounded(self.context, *rect, *radius);
                self.fill(*fill, mark.opacity);
                self.stroke(*stroke, mark.opacity);
            }
            Shape::Line { curves, stroke } => {
                self.context.begin_path();
                trace(self.context, curves);
                self.stroke(Some(*stroke), mark.opacity);
            }
            Shape::Polygon { points, fill } => {
                self.context.begin_path();
                for (at, point) in points.iter().enumerate() {
                    let (x, y) = pair(*point);
                    if at == 0 {
                        self.context.move_to(x, y);
                    } else {
                        self.context.line_to(x, y);
                    }
                }
                self.context.close_path();
                self.fill(Some(*fill), mark.opacity);
            }
            Shape::Icon {
                icon,
                at,
                size,
                fill,
                stroke,
            } => self.icon(*icon, *at, *size, *fill, *stroke, mark.opacity),
            Shape::Text(text) => self.text(text, mark.opacity),
        }
    }

    fn fill(&mut self, fill: Option<Paint>, opacity: f32) {
        if let Some(paint) = fill {
            self.set_alpha(paint.alpha() * opacity);
            self.context.set_fill_style_str(self.palette.color(paint));
            self.context.fill();
        }
    }

    fn stroke(&mut self, stroke: Option<Stroke>, opacity: f32) {
        if let Some(stroke) = stroke {
            self.set_stroke(stroke, opacity, 1.0);
            self.context.stroke();
        }
    }

    fn icon(
        &mut self,
        icon: Icon,
        at: Point,
        size: f32,
        fill: Option<Paint>,
        stroke: Option<Stroke>,
        opacity: f32,
    ) {
        let scale = size / icon.side();
        let (x, y) = pair(at);
        self.context.save();
        let _ = self.context.translate(x, y);
        let _ = self.context.scale(f64::from(scale), f64::from(scale));
        ICONS.with_borrow_mut(|icons| {
            let path = icons.entry(icon).or_insert_with(|| {
                Path2d::new_with_path_string(icon.path()).expect("a path of our own is well formed")
            });
            if let Some(paint) = fill {
                self.set_alpha(paint.alpha() * opacity);
                self.context.set_fill_style_str(self.palette.color(paint));
                self.context.fill_with_path_2d(path);
            }
            if let Some(stroke) = stroke {
                self.set_stroke(stroke, opacity, scale);
                self.context.set_line_cap("round");
                self.context.stroke_with_path(path);
            }
        });
        self.context.restore();
        // What was set in between is gone with `restore`.
        self.alpha = -1.0;
    }

    fn text(&mut self, text: &Text, opacity: f32) {
        let font = font(text.size, text.weight, &self.palette.family);
        if font != self.font {
            self.context.set_font(&font);
            self.font = font;
        }
        self.set_alpha(text.paint.alpha() * opacity);
        self.context.set_fill_style_str(self.palette.color(text.paint));
        self.context.set_text_align(match text.anchor {
            Anchor::Start => "left",
            Anchor::Middle => "center",
            Anchor::End => "right",
        });
        let (x, y) = pair(text.at);
        // A little more than measured: rounding must not squeeze letters.
        let _ = self
            .context
            .fill_text_with_max_width(&text.text, x, y, f64::from(text.width) + 1.0);
    }

    fn set_alpha(&mut self, alpha: f32) {
        if alpha != self.alpha {
            self.context.set_global_alpha(f64::from(alpha));
            self.alpha = alpha;
        }
    }

    fn set_stroke(&mut self, stroke: Stroke, opacity: f32, scale: f32) {
        self.set_alpha(stroke.paint.alpha() * opacity);
        self.context
            .set_stroke_style_str(self.palette.color(stroke.paint));
        self.context.set_line_width(f64::from(stroke.width / scale));
        self.context
            .set_line_cap(if stroke.dash.is_round() { "round" } else { "butt" });
        let _ = self.context.set_line_dash(&dashes(stroke.dash));
    }
}

fn dashes(dash: Dash) -> JsValue {
    match dash.pattern() {
        None => Array::new().into(),
        Some(lengths) => Float64Array::from(lengths.map(f64::from).as_slice()).into(),
    }
}

fn rounded(context: &Context, rect: Rect, radius: f32) {
    let (x, y) = (f64::from(rect.x), f64::from(rect.y));
    let (width, height) = (f64::from(rect.width), f64::from(rect.height));
    let radius = f64::from(radius.min(rect.width / 2.0).min(rect.height / 2.0));
    if context.round_rect_with_f64(x, y, width, height, radius).is_err() {
        context.rect(x, y, width, height);
    }
}

fn trace(context: &Context, curves: &[Cubic]) {
    if let Some(first) = curves.first() {
        let (x, y) = pair(first.from);
        context.move_to(x, y);
    }
    for curve in curves {
        let (x, y) = pair(curve.to);
        if curve.is_line() {
            context.line_to(x, y);
        } else {
            let ((c1x, c1y), (c2x, c2y)) = (pair(curve.c1), pair(curve.c2));
            context.bezier_curve_to(c1x, c1y, c2x, c2y, x, y);
        }
    }
}

fn pair(point: Point) -> (f64, f64) {
    (f64::from(point.x), f64::from(point.y))
}
