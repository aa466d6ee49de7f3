//! Colours and font of the canvas, read from the style sheet once per theme.

use leptos::prelude::*;
use vigla_scene::Paint;

/// Values of all roles.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Palette {
    colors: Vec<(Paint, String)>,
    /// Font family of the interface.
    pub(crate) family: String,
}

impl Palette {
    /// Reads the variables of the document.
    pub(crate) fn read() -> Self {
        let root = document().document_element();
        let style = root.and_then(|root| window().get_computed_style(&root).ok().flatten());
        let value = |name: &str| {
            let value = style
                .as_ref()
                .and_then(|style| style.get_property_value(name).ok());
            value.unwrap_or_default().trim().to_owned()
        };
        Self {
            colors: Paint::ALL
                .iter()
                .map(|&paint| (paint, value(paint.css_variable())))
                .collect(),
            family: value("--font-sans"),
        }
    }

    /// The colour of a role.
    pub(crate) fn color(&self, paint: Paint) -> &str {
        let found = self.colors.iter().find(|(role, _)| *role == paint);
        found.map_or("", |(_, color)| color.as_str())
    }
}
