//! Widths of text as this browser's fonts have them. Every text is measured once.

use std::{cell::RefCell, collections::HashMap};

use leptos::prelude::*;
use vigla_scene::{Measure, TableMeasure, Weight};
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

/// Texts that are remembered: names stay few, numbers do not, so the memory is emptied when it is full.
const REMEMBERED: usize = 20_000;

/// Measures with a canvas that is never shown.
pub(crate) struct CanvasMeasure {
    context: Option<CanvasRenderingContext2d>,
    family: String,
    widths: RefCell<HashMap<(String, u32, Weight), f32>>,
}

impl CanvasMeasure {
    /// Measures in a font family.
    pub(crate) fn new(family: &str) -> Self {
        let canvas = document().create_element("canvas").ok();
        let canvas = canvas.and_then(|canvas| canvas.dyn_into::<HtmlCanvasElement>().ok());
        let context = canvas.and_then(|canvas| canvas.get_context("2d").ok().flatten());
        Self {
            context: context.and_then(|context| context.dyn_into().ok()),
            family: family.to_owned(),
            widths: RefCell::default(),
        }
    }

    /// The family that it measures in.
    pub(crate) fn family(&self) -> &str {
        &self.family
    }
}

impl Measure for CanvasMeasure {
    fn width(&self, text: &str, size: f32, weight: Weight) -> f32 {
        let key = (text.to_owned(), size.to_bits(), weight);
        if let Some(width) = self.widths.borrow().get(&key) {
            return *width;
        }
        let measured = self.context.as_ref().and_then(|context| {
            context.set_font(&font(size, weight, &self.family));
            context.measure_text(text).ok()
        });
        let width = measured.map_or_else(
            || TableMeasure.width(text, size, weight),
            |metrics| metrics.width() as f32,
        );
        let mut widths = self.widths.borrow_mut();
        if widths.len() >= REMEMBERED {
            widths.clear();
        }
        widths.insert(key, width);
        width
    }
}

/// A font as canvas and CSS write it.
pub(crate) fn font(size: f32, weight: Weight, family: &str) -> String {
    format!("{} {size}px {family}", weight.css())
}
