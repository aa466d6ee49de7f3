//! Builders and clocks for tests.
