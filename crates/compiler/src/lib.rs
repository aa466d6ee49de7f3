//! Snapshot and proxy identity to Plan.
