//! Graph and layout to one plain picture: canvas, SVG, hit test.
