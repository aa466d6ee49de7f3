//! Graph and layout to one plain picture: canvas, SVG, hit test, table twin; and the graph as CSV, DOT and Mermaid.
//!
//! [`build_input`] turns a view of the graph into what the layout engine is asked, [`build`] turns the view and the
//! answer into a [`Scene`]: plain shapes with roles for colours. Painters (canvas, [`to_svg`]) know shapes only, the
//! grammar of the map lives here. Reading traffic is left to `graph`, fonts to whoever [measures](Measure).

mod area;
mod build;
mod camera;
mod card;
mod edge;
mod export;
pub mod format;
mod hit;
mod icon;
mod input;
mod measure;
mod paint;
pub mod reading;
mod shape;
mod svg;
mod table;

pub use build::{Options, build};
pub use camera::Camera;
pub use export::{to_csv, to_dot, to_mermaid};
pub use icon::Icon;
pub use input::build_input;
pub use measure::{Measure, TableMeasure, Weight, cut};
pub use paint::{Paint, Theme};
pub use reading::EdgeLabel;
pub use shape::{Anchor, Dash, Detail, Mark, Scene, Shape, Stroke, Target, Text};
pub use svg::to_svg;
pub use table::{CallRow, Figures, TableRow, table};

#[cfg(test)]
mod tests;
