//! A scene as SVG text: for exports, links and tests. Text is squeezed into the widths that the scene measured, so that
//! it fits whatever font the reader has.

use std::fmt::Write as _;

use vigla_layout::Cubic;

use crate::{Anchor, Mark, Paint, Scene, Shape, Stroke, Text, Theme};

const FONT: &str =
    "-apple-system, 'Segoe UI', Inter, Roboto, 'Noto Sans', Cantarell, 'Liberation Sans', sans-serif";

/// Writes the whole picture. `title` is what a screen reader says.
pub fn to_svg(scene: &Scene, theme: Theme, title: &str) -> String {
    let mut svg = Svg {
        text: String::with_capacity(1 << 16),
        theme,
    };
    let bounds = scene.bounds;
    let (x, y, width, height) = (
        Number(bounds.x),
        Number(bounds.y),
        Number(bounds.width),
        Number(bounds.height),
    );
    svg.put(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{x} {y} {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"{FONT}\" role=\"img\">\n<title>{}</title>\n",
        Escaped(title)
    ));
    svg.put(format_args!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
        theme.color(Paint::Page)
    ));
    for mark in scene.marks() {
        svg.mark(mark);
    }
    svg.text.push_str("</svg>\n");
    svg.text
}

struct Svg {
    text: String,
    theme: Theme,
}

impl Svg {
    fn put(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.text
            .write_fmt(arguments)
            .expect("writing to a string cannot fail");
    }

    fn mark(&mut self, mark: &Mark) {
        match &mark.shape {
            Shape::Rect {
                rect,
                radius,
                fill,
                stroke,
            } => {
                self.put(format_args!(
                    "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"",
                    Number(rect.x),
                    Number(rect.y),
                    Number(rect.width),
                    Number(rect.height),
                    Number(*radius)
                ));
                self.fill(*fill);
                self.stroke(*stroke, 1.0);
            }
            Shape::Line { curves, stroke } => {
                self.text.push_str("<path d=\"");
                self.path(curves);
                self.text.push('"');
                self.fill(None);
                self.stroke(Some(*stroke), 1.0);
            }
            Shape::Polygon { points, fill } => {
                self.text.push_str("<path d=\"");
                for (at, point) in points.iter().enumerate() {
                    let command = if at == 0 { 'M' } else { 'L' };
                    self.put(format_args!("{command}{} {}", Number(point.x), Number(point.y)));
                }
                self.text.push_str("z\"");
                self.fill(Some(*fill));
            }
            Shape::Icon {
                icon,
                at,
                size,
                fill,
                stroke,
            } => {
                let scale = size / icon.side();
                self.put(format_args!(
                    "<path d=\"{}\" transform=\"translate({} {}) scale({})\"",
                    icon.path(),
                    Number(at.x),
                    Number(at.y),
                    Number(scale)
                ));
                self.fill(*fill);
                self.stroke(*stroke, scale);
                self.text
                    .push_str(" stroke-linecap=\"round\" stroke-linejoin=\"round\"");
            }
            Shape::Text(text) => return self.line_of_text(text, mark.opacity),
        }
        self.opacity(mark.opacity);
        self.text.push_str("/>\n");
    }

    fn line_of_text(&mut self, text: &Text, opacity: f32) {
        let anchor = match text.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.put(format_args!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" font-weight=\"{}\" textLength=\"{}\" \
             lengthAdjust=\"spacingAndGlyphs\"{anchor}",
            Number(text.at.x),
            Number(text.at.y),
            Number(text.size),
            text.weight.css(),
            Number(text.width)
        ));
        self.fill(Some(text.paint));
        self.opacity(opacity);
        self.put(format_args!(">{}</text>\n", Escaped(&text.text)));
    }

    fn path(&mut self, curves: &[Cubic]) {
        let mut pen = None;
        for cubic in curves {
            if pen != Some(cubic.from) {
                self.put(format_args!("M{} {}", Number(cubic.from.x), Number(cubic.from.y)));
            }
            if cubic.is_line() {
                self.put(format_args!("L{} {}", Number(cubic.to.x), Number(cubic.to.y)));
            } else {
                self.put(format_args!(
                    "C{} {} {} {} {} {}",
                    Number(cubic.c1.x),
                    Number(cubic.c1.y),
                    Number(cubic.c2.x),
                    Number(cubic.c2.y),
                    Number(cubic.to.x),
                    Number(cubic.to.y)
                ));
            }
            pen = Some(cubic.to);
        }
    }

    fn fill(&mut self, paint: Option<Paint>) {
        let Some(paint) = paint else {
            self.text.push_str(" fill=\"none\"");
            return;
        };
        self.put(format_args!(" fill=\"{}\"", self.theme.color(paint)));
        if paint.alpha() < 1.0 {
            self.put(format_args!(" fill-opacity=\"{}\"", Number(paint.alpha())));
        }
    }

    /// `scale` is that of the element: widths and dashes are given in pixels of the picture.
    fn stroke(&mut self, stroke: Option<Stroke>, scale: f32) {
        let Some(stroke) = stroke else { return };
        self.put(format_args!(
            " stroke=\"{}\" stroke-width=\"{}\"",
            self.theme.color(stroke.paint),
            Number(stroke.width / scale)
        ));
        if stroke.paint.alpha() < 1.0 {
            self.put(format_args!(
                " stroke-opacity=\"{}\"",
                Number(stroke.paint.alpha())
            ));
        }
        if let Some([on, off]) = stroke.dash.pattern() {
            self.put(format_args!(
                " stroke-dasharray=\"{} {}\"",
                Number(on / scale),
                Number(off / scale)
            ));
            if stroke.dash.is_round() {
                self.text.push_str(" stroke-linecap=\"round\"");
            }
        }
    }

    fn opacity(&mut self, opacity: f32) {
        if opacity < 1.0 {
            self.put(format_args!(" opacity=\"{}\"", Number(opacity)));
        }
    }
}

/// At most two places after the point, so that files stay small and equal on every machine.
struct Number(f32);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredths = (f64::from(self.0) * 100.0).round() / 100.0;
        write!(f, "{}", if hundredths == 0.0 { 0.0 } else { hundredths })
    }
}

struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                letter if letter.is_control() => f.write_str(" ")?,
                letter => write!(f, "{letter}")?,
            }
        }
        Ok(())
    }
}
