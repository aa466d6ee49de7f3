//! The browser part of the console.
