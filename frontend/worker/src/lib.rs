//! The layout engine behind a C interface, for a Web Worker.
